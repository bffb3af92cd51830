package core

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/mem"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

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
	sizes, err := r.registerSizes()
	if err != nil {
		return err
	}
	regs := make([][][]byte, len(r.made))
	for i, m := range r.made {
		if regs[i], err = r.registers(m, sizes); err != nil {
			return fmt.Errorf("thread %d: %w", m.tid, err)
		}
	}
	if err := r.leaveAreas(regs); err != nil {
		return err
	}
	for i, m := range r.made {
		for k, set := range r.abi.RegSets {
			if regs[i][k] == nil {
				continue
			}
			if err := ptrace.SetRegisters(m.tid, set, regs[i][k]); err != nil {
				return fmt.Errorf("thread %d: %w", m.tid, err)
			}
		}
		if err := linux.SetSigmask(m.tid, blocked(m)); err != nil {
			return fmt.Errorf("thread %d: signal mask: %w", m.tid, err)
		}
	}
	return r.letGo()
}

// letGo detaches: the last act. A task that was stopped is stopped again.
func (r *restore) letGo() error {
	for _, m := range r.made {
		if m.leader && (m.core.Tc.TaskState == task.StateStopped || r.o.LeaveStopped) {
			sig := unix.SIGSTOP
			if s := m.core.Tc.StopSigno; s != nil && *s != 0 && !r.o.LeaveStopped {
				sig = unix.Signal(*s)
			}
			if err := unix.Kill(m.tid, sig); err != nil {
				return fmt.Errorf("task %d: stop: %w", m.tid, err)
			}
		}
	}
	for _, m := range r.made {
		if err := linux.Detach(m.tid, 0); err != nil {
			return fmt.Errorf("thread %d: detach: %w", m.tid, err)
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

// registerSizes are the sizes of the register sets here; the kernel takes no fewer bytes than it gives.
func (r *restore) registerSizes() ([]int, error) {
	var sizes []int
	for _, set := range r.abi.RegSets {
		b, err := ptrace.ReadRegisters(r.made[0].tid, set, make([]byte, set.Size))
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, len(b))
	}
	return sizes, nil
}

func (r *restore) registers(m *made, sizes []int) ([][]byte, error) {
	var layout *arch.XstateLayout
	if r.backend.Xstate != nil {
		layout = r.backend.Xstate()
	}
	return image.TakeRegs(m.core, r.abi, layout, m.rest, sizes)
}

// leaveAreas unmaps the stub's area in all tasks, each through a system call instruction of its own.
func (r *restore) leaveAreas(regs [][][]byte) error {
	var calls []*ptrace.Pending
	for i, m := range r.made {
		if !m.leader {
			continue
		}
		insn, err := r.findSyscall(m)
		if err != nil {
			return err
		}
		calls = append(calls, &ptrace.Pending{
			Caller: ptrace.Caller{ABI: r.abi, Tid: m.tid, Insn: insn, GPR: regs[i][0], Fail: r.fault.call},
			Call:   arch.SysMunmap, Args: []uint64{r.area.Base, uint64(r.area.Size())},
		})
	}
	ptrace.CallAll(calls)
	for _, p := range calls {
		if _, err := p.Do(); err != nil {
			return fmt.Errorf("task %d: %w", p.Tid, err)
		}
	}
	return nil
}

func (r *restore) findSyscall(m *made) (uint64, error) {
	t := &task.Task{Pid: m.tid, ABI: r.abi}
	for _, v := range m.task.mm.Vmas {
		s := procfs.Smap{Map: procfs.Map{Start: v.Start, End: v.End, Prot: v.Prot}}
		if v.Status&mem.Vdso != 0 {
			s.Path = "[vdso]"
		}
		t.Areas = append(t.Areas, s)
	}
	return t.FindSyscall()
}
