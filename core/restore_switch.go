package core

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/mem"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/task"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// stopLimit bounds the wait for a restored thread to stop.
const stopLimit = 30 * time.Second

// switchOver gives all threads their registers. All of a task but its leader leave the stub's area for them and stay stopped;
// the leader unmaps the area last. Only when all have them does the first one run.
func (r *restore) switchOver() error {
	for _, m := range r.made {
		if err := linux.Interrupt(m.tid); err != nil {
			return fmt.Errorf("thread %d: interrupt: %w", m.tid, err)
		}
	}
	for _, m := range r.made {
		if err := ptrace.WaitReleased(m.tid); err != nil {
			return fmt.Errorf("thread %d: %w", m.tid, err)
		}
	}
	for _, m := range r.made {
		if m.leader {
			if err := mem.SetTags(m.tid, m.task.tags); err != nil {
				return fmt.Errorf("task %d: %w", m.tid, err)
			}
		}
	}
	fresh, err := r.freshRegisters()
	if err != nil {
		return err
	}
	tasks := r.madeTasks()
	// Tasks that are to be stopped come first, children before their parents, which hear of it by SIGCHLD unless they have told
	// the kernel that they do not want to: until it is over they have.
	var run [][]*made
	for i := len(tasks) - 1; i >= 0; i-- {
		sig := r.stopSignal(tasks[i][0])
		if sig == 0 {
			run = append(run, tasks[i])
			continue
		}
		if err := r.switchTasks(tasks[i:i+1], fresh); err != nil {
			return err
		}
		if err := stopAgain(tasks[i], sig); err != nil {
			return fmt.Errorf("task %d: stop: %w", tasks[i][0].tid, err)
		}
	}
	if err := r.switchTasks(run, fresh); err != nil {
		return err
	}
	return r.letGo()
}

// madeTasks is the threads that are made by task, the leader first.
func (r *restore) madeTasks() [][]*made {
	var tasks [][]*made
	for _, m := range r.made {
		if m.leader {
			tasks = append(tasks, nil)
		}
		tasks[len(tasks)-1] = append(tasks[len(tasks)-1], m)
	}
	return tasks
}

func (r *restore) stopSignal(leader *made) unix.Signal {
	if r.o.LeaveStopped {
		return unix.SIGSTOP
	}
	return task.StopSignal(leader.core)
}

// switchTasks gives the threads of tasks their registers and signal masks.
func (r *restore) switchTasks(tasks [][]*made, fresh map[*arch.ABI][][]byte) error {
	room := make([]byte, 16<<10) // most processors have fewer registers
	if err := r.leaveAreas(tasks, fresh, room); err != nil {
		return err
	}
	for _, threads := range tasks {
		for _, m := range threads {
			sets, err := r.registers(m, fresh, room)
			if err == nil {
				err = setRegisters(m, sets, fresh[m.task.abi])
			}
			if err != nil {
				return fmt.Errorf("thread %d: %w", m.tid, err)
			}
			if err := linux.SetSigmask(m.tid, blocked(m)); err != nil {
				return fmt.Errorf("thread %d: signal mask: %w", m.tid, err)
			}
		}
	}
	return nil
}

// setRegisters sets the general registers last: what a segment register stands for is read from the thread's segments (NT_386_TLS) then.
// What is kept of sets that are not in use comes first.
func setRegisters(m *made, sets, fresh [][]byte) error {
	list := m.task.abi.RegSets
	for _, inUse := range []bool{false, true} {
		for k := 1; k <= len(list); k++ {
			i := k % len(list)
			set, b := list[i], sets[i]
			if b == nil || set.Request != 0 || inUse != (set.Kept == nil || set.InUse(b)) {
				continue
			}
			if !inUse && bytes.Equal(set.Kept(fresh[i]), b) {
				continue
			}
			if err := ptrace.SetRegisters(m.tid, set, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// stopAgain brings a task whose threads are ready to go into the group-stop in which the image has it.
func stopAgain(threads []*made, sig unix.Signal) error {
	leader := threads[0]
	// the only signal that can be delivered now
	if err := linux.SetSigmask(leader.tid, ptrace.AllSignals&^(1<<(sig-1))); err != nil {
		return err
	}
	for _, s := range []unix.Signal{sig, unix.SIGSTOP} {
		if err := unix.Kill(leader.tid, s); err != nil {
			return err
		}
		if err := linux.Cont(leader.tid, 0); err != nil {
			return err
		}
		stop, err := ptrace.WaitStop(leader.tid, stopLimit)
		if err != nil {
			return err
		}
		if stop.Event || stop.Signal != s {
			return fmt.Errorf("stopped by %v instead of %v", stop.Signal, s)
		}
		if err := linux.Interrupt(leader.tid); err != nil {
			return err
		}
		if err := linux.Cont(leader.tid, s); err != nil {
			return err
		}
		if stop, err = ptrace.WaitStop(leader.tid, stopLimit); err != nil {
			return err
		}
		// those of the terminal do not stop an orphaned process group (kernel/signal.c, get_signal)
		if stop.GroupStop() {
			break
		}
	}
	for _, m := range threads[1:] {
		if err := linux.Cont(m.tid, 0); err != nil {
			return err
		}
		if _, err := ptrace.WaitStop(m.tid, stopLimit); err != nil {
			return err
		}
	}
	return linux.SetSigmask(leader.tid, blocked(leader))
}

// letGo detaches: the last act. Nothing fails once the first thread runs: what it may do at once is end others.
func (r *restore) letGo() error {
	for _, m := range r.made {
		if err := task.ReviveRseq(m.tid, m.core.ThreadCore); err != nil {
			return fmt.Errorf("thread %d: rseq: %w", m.tid, err)
		}
	}
	// Should the engine die after this, all tasks run on: a detached one may take the engine's processor for milliseconds.
	if err := r.guarded(r.release); err != nil {
		return err
	}
	if r.o.Ending {
		return nil
	}
	for _, m := range r.made {
		switch err := linux.Detach(m.tid, 0); err {
		case nil:
		case unix.ESRCH: // its parent waits until its tracer has
			reap(m.tid, time.Now().Add(undoLimit))
		default:
			return fmt.Errorf("thread %d: detach: %w", m.tid, err)
		}
	}
	return nil
}

// release lets the tasks outlive the engine.
func (r *restore) release() error {
	for _, m := range r.made {
		if m.leader {
			if err := linux.SetOptions(m.tid, seizeOptionsOf(m)&^unix.PTRACE_O_EXITKILL); err != nil {
				return fmt.Errorf("task %d: %w", m.tid, err)
			}
		}
	}
	return nil
}

func blocked(m *made) uint64 {
	if tc := m.core.ThreadCore; tc != nil && tc.BlkSigset != nil {
		return *tc.BlkSigset
	}
	if m.core.Tc != nil {
		return m.core.Tc.BlkSigset
	}
	return 0
}

// freshRegisters are the register sets of a thread of each ABI that is just made. The kernel takes no fewer bytes than it gives.
func (r *restore) freshRegisters() (map[*arch.ABI][][]byte, error) {
	fresh := map[*arch.ABI][][]byte{}
	for _, m := range r.made {
		abi := m.task.abi
		if fresh[abi] != nil {
			continue
		}
		sets := [][]byte{make([]byte, abi.RegSets[0].Size)} // general registers are what they are
		for _, set := range abi.RegSets[1:] {
			b, err := ptrace.ReadRegisters(m.tid, set, make([]byte, set.Size))
			if err != nil {
				return nil, err
			}
			sets = append(sets, b)
		}
		fresh[abi] = sets
	}
	return fresh, nil
}

func (r *restore) registers(m *made, fresh map[*arch.ABI][][]byte, room []byte) ([][]byte, error) {
	var layout *arch.XstateLayout
	if r.backend.Xstate != nil {
		layout = r.backend.Xstate()
	}
	var sizes []int
	for _, b := range fresh[m.task.abi] {
		sizes = append(sizes, len(b))
	}
	return image.TakeRegs(m.core, m.task.abi, layout, m.rest, sizes, room)
}

// leaveAreas unmaps the stub's area in tasks, each through a system call instruction of its own.
func (r *restore) leaveAreas(tasks [][]*made, fresh map[*arch.ABI][][]byte, room []byte) error {
	var last, unmap []*ptrace.Pending
	area := r.stubRun()
	for _, threads := range tasks {
		m := threads[0]
		insn, err := r.findSyscall(m)
		if err != nil {
			return err
		}
		sets, err := r.registers(m, fresh, room)
		if err != nil {
			return fmt.Errorf("thread %d: %w", m.tid, err)
		}
		c := ptrace.Caller{ABI: m.task.abi, Tid: m.tid, Insn: insn, GPR: sets[0], Fail: r.fault.call}
		if chld := m.task.revival.Chld; chld != nil {
			last = append(last, &ptrace.Pending{Caller: c, Call: arch.SysRtSigaction, Args: []uint64{uint64(unix.SIGCHLD), chld.Addr(), 0, 8}})
		}
		unmap = append(unmap, &ptrace.Pending{Caller: c, Call: arch.SysMunmap, Args: []uint64{area.Start, area.End - area.Start}})
	}
	for _, calls := range [][]*ptrace.Pending{last, unmap} {
		ptrace.CallAll(calls)
		for _, p := range calls {
			if _, err := p.Do(); err != nil {
				return fmt.Errorf("task %d: %w", p.Tid, err)
			}
		}
	}
	return nil
}

// findSyscall finds a system call instruction of the task's own, in the kernel's vDSO without looking there.
func (r *restore) findSyscall(m *made) (uint64, error) {
	if code, ok := m.task.vdso.RT.Code(); ok && code.Prot&vdso.Exec != 0 {
		if off := m.task.abi.Stub.Syscall(r.vdsos[m.task.abi].rt.Code); off >= 0 {
			return code.Start + uint64(off), nil
		}
	}
	t := &task.Task{Pid: m.tid, ABI: m.task.abi}
	for _, v := range m.task.mm.Vmas {
		s := procfs.Smap{Map: procfs.Map{Start: v.Start, End: v.End, Prot: v.Prot}}
		if v.Status&image.VmaVdso != 0 {
			s.Path = "[vdso]"
		}
		t.Areas = append(t.Areas, s)
	}
	return t.FindSyscall()
}
