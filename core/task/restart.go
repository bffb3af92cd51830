package task

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

// settle finds out whether the stopped thread waits for its restart block, where its registers do not tell: it is let go as far
// as the entry of the call that the kernel has it make, and, interrupted, back to where it was. Its registers become those of a
// call that ended in EINTR, since the block stays behind; if the task goes on here, the kernel goes on by the block.
func (th *Thread) settle() error {
	abi := th.Task.ABI
	insn := abi.Regs.MayResume(th.GPR())
	if insn == nil {
		return nil
	}
	pc := abi.Regs.PC(th.GPR())
	code := make([]byte, len(insn))
	if err := th.Task.readMemory(pc, code); err != nil || !bytes.Equal(code, insn) {
		return nil // not in a call
	}
	nr, err := th.toEntryAndBack()
	if err := errors.Join(err, linux.SetSigmask(th.Tid, th.Sigmask)); err != nil {
		return fmt.Errorf("interrupted call: %w", err)
	}
	set := abi.RegSets[0]
	gpr, err := ptrace.ReadRegisters(th.Tid, set, make([]byte, set.Size))
	if err != nil {
		return err
	}
	th.Regs[0] = gpr
	if int(nr) == abi.Sys(arch.SysRestartSyscall) && abi.Regs.PC(gpr) == pc {
		th.resume = bytes.Clone(gpr)
		abi.Regs.Interrupt(gpr)
	}
	return nil
}

// releaseToRestart is release for a thread whose registers do not say that its call is to go on by the restart block: it is let go as far
// as the entry of the call, which becomes restart_syscall there, and stays there until it is let go.
func (th *Thread) releaseToRestart() error {
	abi := th.Task.ABI
	if err := linux.SetSigmask(th.Tid, th.Sigmask); err != nil {
		return fmt.Errorf("thread %d: signal mask: %w", th.Tid, err)
	}
	if err := ptrace.SetRegisters(th.Tid, abi.RegSets[0], th.resume); err != nil {
		return fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	err := th.toEntry()
	if err == nil {
		err = linux.SetCallNumber(th.Tid, abi.Sys(arch.SysRestartSyscall))
	}
	if err := errors.Join(err, linux.SetSigmask(th.Tid, th.Sigmask)); err != nil {
		return fmt.Errorf("thread %d: interrupted call: %w", th.Tid, err)
	}
	th.held = false
	return nil
}

// toEntry lets a stopped thread, at a system call instruction, go to the entry of the call. Should the engine die it keeps its signal mask. Only
// if it comes to a signal on the way are all of them blocked, and stay so: the kernel then puts it back into the queue (kernel/signal.c,
// ptrace_signal), which is to be read anew.
func (th *Thread) toEntry() error {
	for sig := unix.Signal(0); ; {
		if err := linux.ContSyscall(th.Tid, sig); err != nil {
			return err
		}
		stop, err := ptrace.WaitStop(th.Tid, stopLimit)
		switch {
		case err != nil || stop.Call:
			return err
		case stop.Event || stop.Signal == unix.SIGSTOP:
			return fmt.Errorf("stopped by %v instead of its entry", stop.Signal)
		}
		if err := linux.SetSigmask(th.Tid, ptrace.AllSignals); err != nil {
			return err
		}
		sig, th.told = stop.Signal, false
	}
}

// toEntryAndBack returns the number of the call. The call is made, but ends at once for the interrupt that is pending.
func (th *Thread) toEntryAndBack() (nr uint64, err error) {
	if err := th.toEntry(); err != nil {
		return 0, err
	}
	info, err := linux.GetSyscallInfo(th.Tid)
	if err != nil {
		return 0, err
	}
	if err := linux.Interrupt(th.Tid); err != nil {
		return 0, err
	}
	if err := linux.Cont(th.Tid, 0); err != nil {
		return 0, err
	}
	_, err = ptrace.WaitInterrupt(th.Tid, stopLimit)
	return info.Nr, err
}
