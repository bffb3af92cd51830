package task

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/stub"
	"woodfrog/internal/linux"
)

// EnterCages puts the stub into the address spaces of all living tasks, by calls made by hand, in all of them at once, through
// a system call instruction that each has anyway. All signals of the leaders are blocked from then on.
func (tr *Tree) EnterCages(robust *linux.RobustList) error {
	codes := codeCache{}
	for _, t := range tr.Tasks {
		if !t.Zombie() {
			if err := t.openCage(codes); err != nil {
				return fmt.Errorf("task %d: %w", t.Pid, err)
			}
		}
	}
	// no descriptor is needed in a task: the engine reaches the memory through map_files
	err := tr.callAll(arch.SysMmap, func(t *Task) []uint64 {
		return []uint64{t.Cage.base, t.Cage.want, unix.PROT_READ | unix.PROT_EXEC, cageFlags, ^uint64(0), 0}
	}, func(t *Task, got uint64) error { return t.furnish(got, robust) })
	if err != nil {
		return err
	}
	return tr.callAll(arch.SysMprotect, func(t *Task) []uint64 {
		code := uint64(t.Cage.Area.CodeSize)
		return []uint64{t.Cage.base + code, t.Cage.size - code, unix.PROT_READ | unix.PROT_WRITE}
	}, func(*Task, uint64) error { return nil })
}

// cageFlags are of the area's mapping. MAP_NORESERVE makes one that is left behind empty look like nobody else's: memory to
// execute that nobody can have written.
const cageFlags = unix.MAP_SHARED | unix.MAP_ANON | unix.MAP_NORESERVE | unix.MAP_FIXED_NOREPLACE

// callAll makes one call in the leaders of all living tasks; done sees each result.
func (tr *Tree) callAll(call arch.Call, args func(*Task) []uint64, done func(t *Task, result uint64) error) error {
	var calls []*ptrace.Pending
	var tasks []*Task
	for _, t := range tr.Tasks {
		if !t.Zombie() {
			c := *t.Leader().caller()
			c.Fail = t.Faults.Call
			calls = append(calls, &ptrace.Pending{Caller: c, Call: call, Args: args(t)})
			tasks = append(tasks, t)
		}
	}
	ptrace.CallAll(calls)
	var first error
	for i, p := range calls {
		result, err := p.Do()
		if err == nil {
			err = done(tasks[i], result)
		}
		if err != nil && first == nil {
			first = fmt.Errorf("task %d: %w", tasks[i].Pid, err)
		}
	}
	return first
}

// openCage finds a place for the area and the means to get it there.
func (t *Task) openCage(codes codeCache) error {
	cage := &Cage{want: uint64(t.cageSize(unix.Getpagesize()))}
	var err error
	if cage.base, err = t.findHole(cage.want); err != nil {
		return err
	}
	cage.refuge = t.newRefuge(codes)
	if cage.refuge != nil {
		cage.insn = cage.refuge.insn
	} else if cage.insn, err = t.FindSyscall(); err != nil {
		return err
	}
	t.Cage = cage
	if err := t.makeRoom(); err != nil {
		return err
	}
	leader := t.Leader()
	if cage.refuge != nil {
		if err := cage.refuge.enter(leader); err != nil {
			return err
		}
	}
	if err := leader.hold(); err != nil {
		return err
	}
	return t.removeLeftovers(leader.caller())
}

// furnish puts the stub into the area that was mapped at got.
func (t *Task) furnish(got uint64, robust *linux.RobustList) error {
	cage := t.Cage
	want := cage.base
	cage.base, cage.size = got, cage.want
	if got != want { // before Linux 4.17 MAP_FIXED_NOREPLACE is a hint
		return fmt.Errorf("mmap in the task: %#x instead of %#x", got, want)
	}
	fd, err := t.Proc.OpenFile(fmt.Sprintf("map_files/%x-%x", got, got+cage.size), unix.O_RDWR)
	if err != nil {
		return err
	}
	cage.Area, err = stub.NewArea([]*arch.ABI{t.ABI}, fd, int(cage.size), unix.Getpagesize(), got)
	unix.Close(fd)
	if err != nil {
		return err
	}
	cage.Area.Fail, cage.Area.Crash = t.Faults.Op, t.Faults.Crash
	cage.Area.Guard(robust)
	return nil
}

func iovec(b []byte) unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return v
}

// findHole finds size free bytes, as high as possible so that a heap or stack that grows is not in the way.
func (t *Task) findHole(size uint64) (uint64, error) {
	areas := t.Areas
	const gap = 1 << 20 // room that a stack grows into
	for i := len(areas) - 1; i > 0; i-- {
		if areas[i].Start > t.ABI.TaskSize {
			continue
		}
		lo, hi := areas[i-1].End, areas[i].Start
		if hi-lo >= size+2*gap {
			return hi - gap - size, nil
		}
	}
	return 0, fmt.Errorf("task %d: no %d free bytes of address space for the stub", t.Pid, size)
}

// hold blocks all signals of the thread and marks its registers as not its own.
func (th *Thread) hold() error {
	if th.held {
		return nil
	}
	th.held = true
	if err := linux.SetSigmask(th.Tid, ptrace.AllSignals); err != nil {
		return fmt.Errorf("thread %d: block signals: %w", th.Tid, err)
	}
	return nil
}

// caller makes calls in the stopped leader; with a refuge they return to that.
func (th *Thread) caller() *ptrace.Caller {
	abi, cage, gpr := th.Task.ABI, th.Task.Cage, th.GPR()
	if r := cage.refuge; r != nil {
		gpr = bytes.Clone(gpr)
		abi.Regs.SetReturnTo(gpr, r.sigreturn, r.sp)
	}
	return &ptrace.Caller{ABI: abi, Tid: th.Tid, Insn: cage.insn, GPR: gpr}
}

// removeLeftovers unmaps what an engine that was killed left in the task.
func (t *Task) removeLeftovers(c *ptrace.Caller) error {
	left := t.leftovers()
	for _, m := range left {
		if _, err := c.Try(arch.SysMunmap, m.Start, m.Size()); err != nil {
			return err
		}
	}
	t.Areas = slices.DeleteFunc(t.Areas, func(m procfs.Smap) bool {
		return slices.ContainsFunc(left, func(l procfs.Smap) bool { return l.Start == m.Start })
	})
	return nil
}

// Enter starts the program of block b, linked before, in the stopped thread.
func (th *Thread) Enter(b stub.Block) error {
	abi := th.Task.ABI
	gpr := bytes.Clone(th.GPR())
	abi.Regs.SetStub(gpr, b.Entry(), b.Addr())
	if err := ptrace.SetRegisters(th.Tid, abi.RegSets[0], gpr); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	// only now: should the engine die in between, the stub gives the thread's own mask back
	if err := th.hold(); err != nil {
		return err
	}
	if err := linux.Cont(th.Tid, 0); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	th.running = true
	return nil
}

// Alive is for waits on a stub program: an error once the thread can no longer finish it.
func (th *Thread) Alive() error {
	got, status, err := linux.Wait(th.Tid, true)
	if err != nil || got == th.Tid && (status.Exited() || status.Signaled()) {
		return fmt.Errorf("thread %d: %w", th.Tid, ptrace.ErrGone)
	}
	if got != th.Tid || !status.Stopped() {
		return nil
	}
	stop := ptrace.Decode(status)
	sig, ok := stop.Onward()
	if !ok {
		th.running = false // who waits for it to stop once more waits for ever
		err := fmt.Errorf("thread %d: stopped by %v inside the stub", th.Tid, stop.Signal)
		return errors.Join(err, linux.SetSigmask(th.Tid, ptrace.AllSignals)) // that one is let through now (kernel/signal.c, force_sig_info_to_task)
	}
	th.Task.noteStop(stop)
	if err := linux.Cont(th.Tid, sig); err != nil && err != unix.ESRCH {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	return nil
}

// release gives the stopped thread its own registers and signal mask back.
func (th *Thread) release() error {
	if !th.held {
		return nil
	}
	if th.resume != nil && th.Task.ABI.RestartHidden {
		return th.releaseToRestart()
	}
	if err := linux.SetSigmask(th.Tid, th.Sigmask); err != nil {
		return fmt.Errorf("thread %d: signal mask: %w", th.Tid, err)
	}
	if err := th.setFleeting(); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	gpr := th.GPR()
	if th.resume != nil {
		gpr = th.resume
	}
	if err := ptrace.SetRegisters(th.Tid, th.Task.ABI.RegSets[0], gpr); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	th.held = false
	return nil
}

// LeaveCages stops all threads that run the stub, gives their registers back and unmaps the areas; the leaders, which do
// that, are last.
func (tr *Tree) LeaveCages() error {
	var errs []error
	keep := func(t *Task, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("task %d: %w", t.Pid, err))
		}
	}
	for _, t := range tr.Tasks {
		for _, th := range t.Threads {
			if th.running {
				_ = linux.Interrupt(th.Tid)
			}
		}
	}
	var unmaps []*ptrace.Pending
	var tasks []*Task
	for _, t := range tr.Tasks {
		if t.Cage == nil {
			continue
		}
		keep(t, t.leaveStub())
		leader := t.Leader()
		if !leader.held || leader.running {
			continue
		}
		if r := t.Cage.refuge; r != nil {
			keep(t, r.enter(leader))
		}
		if t.Cage.size != 0 {
			unmaps = append(unmaps, &ptrace.Pending{Caller: *leader.caller(), Call: arch.SysMunmap, Args: []uint64{t.Cage.base, t.Cage.size}})
			tasks = append(tasks, t)
		}
	}
	ptrace.CallAll(unmaps)
	for i, p := range unmaps {
		_, err := p.Do()
		keep(tasks[i], err)
	}
	for _, t := range tr.Tasks {
		if t.Cage == nil {
			continue
		}
		keep(t, t.Leader().release())
		if r := t.Cage.refuge; r != nil {
			keep(t, r.wipe(t.Pid))
		}
		keep(t, t.takeRoom())
		if t.Cage.Area != nil {
			t.Cage.Area.Close()
		}
		t.Cage = nil
	}
	return errors.Join(errs...)
}

// leaveStub waits for the threads of t to stop outside of the stub, and gives all but the leader their registers back.
func (t *Task) leaveStub() error {
	var first error
	for _, th := range t.Threads {
		var err error
		if th.running {
			if err = ptrace.WaitReleased(th.Tid); err == nil {
				th.running = false
			}
		}
		if err == nil && th != t.Leader() {
			err = th.release()
		}
		if err != nil && first == nil {
			first = fmt.Errorf("thread %d: %w", th.Tid, err)
		}
	}
	return first
}
