package kerndat

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/ptrace"
)

// breakpointLimit is far more than a thread takes to come to the instruction that it is at, also where processors are emulated and busy.
const breakpointLimit = 5 * time.Second

// probeBreakpoints asks whether hardware breakpoints stop a thread, at an instruction that jumps to itself. In some virtual machines they can be
// written, and nothing heeds them: SEV-ES without DebugSwap (arch/x86/kernel/sev.c, vc_handle_dr7_write).
func probeBreakpoints(abi, _ *arch.ABI) (works bool, err error) {
	if abi.Breakpoints == arch.NoBreakpoints {
		return false, nil
	}
	err = WithTracee(func(pid int) error {
		gpr, err := registers(abi, pid)
		if err != nil {
			return err
		}
		pc := abi.Regs.PC(gpr)
		if _, err := unix.PtracePokeText(pid, uintptr(pc), abi.VDSO.Near(pc, pc)); err != nil {
			return err
		}
		points, err := ptrace.FindBreakpoints(pid, abi.Breakpoints)
		if err == nil {
			works, err = heeded(points, pc)
		}
		if err != nil {
			works, err = unless(err, nil, []error{ptrace.ErrNoBreakpoints})
		}
		return err
	})
	return works, err
}

// runner is ptrace.Breakpoints.
type runner interface {
	RunTo(to []uint64, limit time.Duration) (ptrace.Stop, error)
}

// heeded says whether a thread that is at pc, and stays there, is stopped by a breakpoint.
func heeded(points runner, pc uint64) (bool, error) {
	stop, err := points.RunTo([]uint64{pc}, breakpointLimit)
	if err == nil && (stop.Event || stop.Signal != unix.SIGTRAP) {
		return false, fmt.Errorf("stopped by %v", stop.Signal)
	}
	return unless(err, nil, []error{unix.ETIMEDOUT})
}
