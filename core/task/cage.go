package task

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/stub"
	"woodfrog/internal/linux"
)

// EnterCage puts the stub into the address space of t, by calls made by hand through a system call instruction that the task
// has anyway. All signals of the leader are blocked from then on.
func (t *Task) EnterCage(size int, robust *linux.RobustList) error {
	page := unix.Getpagesize()
	base, err := t.findHole(uint64(size))
	if err != nil {
		return err
	}
	cage := &Cage{refuge: t.newRefuge()}
	if cage.refuge != nil {
		cage.insn = cage.refuge.insn
	} else if cage.insn, err = t.FindSyscall(); err != nil {
		return err
	}
	t.Cage = cage
	leader := t.Leader()
	if cage.refuge != nil {
		if err := cage.refuge.enter(leader); err != nil {
			return err
		}
	}
	if err := leader.hold(); err != nil {
		return err
	}
	c := leader.caller()
	if err := t.removeLeftovers(c); err != nil {
		return err
	}
	// no descriptor is needed in the task: the engine reaches the memory through map_files
	const flags = unix.MAP_SHARED | unix.MAP_ANON | unix.MAP_FIXED_NOREPLACE
	got, err := c.Try(arch.SysMmap, base, uint64(size), unix.PROT_READ|unix.PROT_EXEC, flags, ^uint64(0), 0)
	if err != nil {
		return err
	}
	cage.base, cage.size = got, uint64(size)
	if got != base { // before Linux 4.17 the flag is a hint
		return fmt.Errorf("mmap in the task: %#x instead of %#x", got, base)
	}
	fd, err := t.Proc.OpenFile(fmt.Sprintf("map_files/%x-%x", base, base+uint64(size)), unix.O_RDWR)
	if err != nil {
		return err
	}
	if cage.Area, err = stub.NewArea(t.ABI, fd, size, page, base); err != nil {
		unix.Close(fd)
		return err
	}
	cage.Area.Guard(robust)
	code := uint64(cage.Area.CodeSize)
	_, err = c.Try(arch.SysMprotect, base+code, uint64(size)-code, unix.PROT_READ|unix.PROT_WRITE)
	return err
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
	return &ptrace.Caller{ABI: abi, Tid: th.Tid, Insn: cage.insn, GPR: gpr, Limit: stopLimit}
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
	abi.Regs.SetStub(gpr, th.Task.Cage.Area.Entry(), b.Addr())
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
	if got == th.Tid && status.Stopped() {
		return fmt.Errorf("thread %d: stopped by %v inside the stub", th.Tid, status.StopSignal())
	}
	return nil
}

// release gives the stopped thread its own registers and signal mask back.
func (th *Thread) release() error {
	if !th.held {
		return nil
	}
	if err := linux.SetSigmask(th.Tid, th.Sigmask); err != nil {
		return fmt.Errorf("thread %d: signal mask: %w", th.Tid, err)
	}
	if err := ptrace.SetRegisters(th.Tid, th.Task.ABI.RegSets[0], th.GPR()); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	th.held = false
	return nil
}

// LeaveCage stops the threads that run the stub, gives all their registers back and unmaps the area; the leader, which does
// that, is last.
func (t *Task) LeaveCage() error {
	if t.Cage == nil {
		return nil
	}
	var first error
	keep := func(err error) {
		if first == nil && err != nil {
			first = err
		}
	}
	for _, th := range t.Threads {
		if th.running {
			_ = linux.Interrupt(th.Tid)
		}
	}
	for _, th := range t.Threads {
		if th.running {
			if _, err := ptrace.WaitInterrupt(th.Tid, stopLimit); err != nil {
				keep(fmt.Errorf("thread %d: %w", th.Tid, err))
				continue
			}
			th.running = false
		}
		if th != t.Leader() {
			keep(th.release())
		}
	}
	leader := t.Leader()
	refuge := t.Cage.refuge
	if refuge != nil && leader.held && !leader.running {
		keep(refuge.enter(leader))
	}
	if cage := t.Cage; cage.size != 0 && leader.held && !leader.running {
		_, err := leader.caller().Try(arch.SysMunmap, cage.base, cage.size)
		keep(err)
	}
	keep(leader.release())
	if refuge != nil {
		keep(refuge.wipe(t.Pid))
	}
	if t.Cage.Area != nil {
		t.Cage.Area.Close()
	}
	t.Cage = nil
	return first
}
