package task

import (
	"bytes"
	"fmt"

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
	insn, err := t.FindSyscall()
	if err != nil {
		return err
	}
	page := unix.Getpagesize()
	base, err := t.findHole(uint64(size))
	if err != nil {
		return err
	}
	leader := t.Leader()
	t.Cage = &Cage{insn: insn}
	if err := leader.hold(); err != nil {
		return err
	}
	c := leader.caller()
	// any readable string will do for the name
	tfd, err := c.Try(arch.SysMemfdCreate, insn&^uint64(page-1), unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err != nil {
		tfd, err = c.Try(arch.SysMemfdCreate, insn&^uint64(page-1), unix.MFD_CLOEXEC)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = c.Call(arch.SysClose, tfd)
		}
	}()
	fd, err := stealFd(t.Pid, int(tfd))
	if err != nil {
		return err
	}
	if err = unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Close(fd)
		return fmt.Errorf("stub: memfd: size %d: %w", size, err)
	}
	area, err := stub.NewArea(t.ABI, fd, size, page, base)
	if err != nil {
		unix.Close(fd)
		return err
	}
	t.Cage.Area = area
	area.Guard(robust)
	const flags = unix.MAP_SHARED | unix.MAP_FIXED_NOREPLACE
	code := uint64(area.CodeSize)
	got, err := c.Try(arch.SysMmap, base, code, unix.PROT_READ|unix.PROT_EXEC, flags, tfd, 0)
	if err == nil && got != base {
		err = fmt.Errorf("mmap in the task: %#x instead of %#x", got, base)
	}
	if err != nil {
		return err
	}
	t.Cage.mapped = true
	if _, err = c.Try(arch.SysMmap, base+code, uint64(size)-code, unix.PROT_READ|unix.PROT_WRITE, flags, tfd, code); err != nil {
		return err
	}
	_, err = c.Try(arch.SysClose, tfd)
	return err
}

// stealFd is a copy of a descriptor of another task.
func stealFd(pid, fd int) (int, error) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd of %d: %w", pid, err)
	}
	defer unix.Close(p)
	got, err := unix.PidfdGetfd(p, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("descriptor %d of task %d: %w", fd, pid, err)
	}
	return got, nil
}

// FindSyscall finds a system call instruction: in the vDSO, else in any executable area.
func (t *Task) FindSyscall() (uint64, error) {
	for _, vdso := range []bool{true, false} {
		for i := range t.Areas {
			m := &t.Areas[i]
			if m.Prot&procfs.ProtExec == 0 || (m.Path == "[vdso]") != vdso || m.Path == "[vsyscall]" {
				continue
			}
			if at, ok := t.searchCode(m); ok {
				return at, nil
			}
		}
	}
	return 0, fmt.Errorf("task %d: no system call instruction in any executable area", t.Pid)
}

const searchChunk = 1 << 20

func (t *Task) searchCode(m *procfs.Smap) (uint64, bool) {
	insn := t.ABI.Stub.Syscall
	buf := make([]byte, min(m.Size(), searchChunk))
	for at := m.Start; at < m.End; at += searchChunk {
		part := buf[:min(m.End-at, searchChunk)]
		n, err := unix.ProcessVMReadv(t.Pid, []unix.Iovec{iovec(part)},
			[]unix.RemoteIovec{{Base: uintptr(at), Len: len(part)}}, 0)
		if err != nil {
			return 0, false
		}
		if i := bytes.Index(part[:n], insn); i >= 0 {
			return at + uint64(i), true
		}
	}
	return 0, false
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

func (th *Thread) caller() *ptrace.Caller {
	return &ptrace.Caller{ABI: th.Task.ABI, Tid: th.Tid, Insn: th.Task.Cage.insn, GPR: th.GPR(), Limit: stopLimit}
}

// Enter starts the program of block b, linked before, in the stopped thread.
func (th *Thread) Enter(b stub.Block) error {
	if err := th.hold(); err != nil {
		return err
	}
	abi := th.Task.ABI
	gpr := bytes.Clone(th.GPR())
	abi.Regs.SetStub(gpr, th.Task.Cage.Area.Entry(), b.Addr())
	if err := ptrace.SetRegisters(th.Tid, abi.RegSets[0], gpr); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
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
	set := th.Task.ABI.RegSets[0]
	if err := ptrace.SetRegisters(th.Tid, set, th.GPR()); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	if err := linux.SetSigmask(th.Tid, th.Sigmask); err != nil {
		return fmt.Errorf("thread %d: signal mask: %w", th.Tid, err)
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
	if area := t.Cage.Area; t.Cage.mapped && leader.held && !leader.running {
		_, err := leader.caller().Try(arch.SysMunmap, area.Base, uint64(area.Size()))
		keep(err)
	}
	keep(leader.release())
	if t.Cage.Area != nil {
		t.Cage.Area.Close()
	}
	t.Cage = nil
	return first
}
