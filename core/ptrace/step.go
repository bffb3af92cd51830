package ptrace

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// Step lets a stopped tracee execute one instruction. Its stop is for SIGTRAP, which is not to be delivered; signals that nothing can
// block are passed on, and the stop after that returned.
func Step(tid int) (Stop, error) {
	return advance(tid, linux.Singlestep, waitNext)
}

// ErrNoBreakpoints means that the processor has no hardware breakpoints, or none is left.
var ErrNoBreakpoints = errors.New("the processor has no hardware breakpoint to spare")

// The first hardware breakpoint of arm (arch/arm/kernel/ptrace.c, ptrace_sethbpregs; asm/hw_breakpoint.h, decode_ctrl_reg).
const (
	hbpInfo, hbpAddress, hbpControl = 0, 1, 2

	hbpCount  = 0xff   // in hbpInfo
	hbpUser   = 2 << 1 // privilege
	hbpEnable = 1
	hbpTwo    = 3 << 5 // bytes of the instruction
	hbpFour   = 0xf << 5
)

// RunTo lets a stopped tracee run until it is about to execute the instruction at the address, which bit 0 marks as one of Thumb code, for at
// most limit: unix.ETIMEDOUT. It is Step otherwise, for kernels of arm, and the tracee has no breakpoint afterwards.
func RunTo(tid int, at uint64, limit time.Duration) (s Stop, err error) {
	const thumb = 1
	if n, err := linux.HBPReg(tid, hbpInfo); err != nil || n&hbpCount == 0 {
		return Stop{}, fmt.Errorf("breakpoint: %w", errors.Join(gone(err), ErrNoBreakpoints))
	}
	control := uint32(hbpFour | hbpUser)
	if at&thumb != 0 {
		control = hbpTwo | hbpUser
	}
	defer func() { err = errors.Join(err, setHBP(tid, hbpControl, control)) }()
	// an address has to suit the length
	if err := errors.Join(setHBP(tid, hbpControl, control), setHBP(tid, hbpAddress, uint32(at&^thumb)), setHBP(tid, hbpControl, control|hbpEnable)); err != nil {
		return Stop{}, err
	}
	wait := func(tid int) (Stop, error) { return WaitStop(tid, limit) }
	if s, err = advance(tid, linux.Cont, wait); !errors.Is(err, unix.ETIMEDOUT) {
		return s, err
	}
	if e := halt(tid, limit); e != nil {
		err = e // and the breakpoint stays: it can be taken from stopped tracees only
	}
	return s, err
}

func setHBP(tid, n int, v uint32) error {
	err := linux.SetHBPReg(tid, n, v)
	switch err {
	case nil:
		return nil
	case unix.ENOSPC: // another debugger, or perf, has them
		err = ErrNoBreakpoints
	}
	return fmt.Errorf("breakpoint: %w", gone(err))
}

// halt stops a tracee that runs to a breakpoint: should it come there after all, the signal is not delivered.
func halt(tid int, limit time.Duration) error {
	if err := linux.Interrupt(tid); err != nil {
		return gone(err)
	}
	for {
		s, err := WaitStop(tid, limit)
		if err != nil || s.Event {
			return err
		}
		sig := s.Signal
		if sig == unix.SIGTRAP {
			sig = 0
		}
		if err := linux.Cont(tid, sig); err != nil {
			return gone(err)
		}
	}
}

// advance has a tracee go on until it stops for another reason than SIGSTOP.
func advance(tid int, onward func(int, unix.Signal) error, wait func(int) (Stop, error)) (Stop, error) {
	for sig := unix.Signal(0); ; {
		if err := onward(tid, sig); err != nil {
			return Stop{}, gone(err)
		}
		s, err := wait(tid)
		if err != nil || s.Event || s.Signal != unix.SIGSTOP {
			return s, err
		}
		sig = s.Signal
	}
}
