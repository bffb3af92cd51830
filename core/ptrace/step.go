package ptrace

import (
	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// Step lets a stopped tracee execute one instruction. Its stop is for SIGTRAP, which is not to be delivered; signals that nothing can
// block are passed on, and the stop after that returned.
func Step(tid int) (Stop, error) {
	return advance(tid, linux.Singlestep, waitNext)
}

// StepBlock is Step up to and with the next branch, by the ABI's request for that; unix.EIO where kernel or processor have no such steps.
func StepBlock(tid, request int) (Stop, error) {
	return advance(tid, func(tid int, sig unix.Signal) error { return linux.Resume(tid, request, sig) }, waitNext)
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
