// Package ptrace drives tracees: seize, stop, registers, system calls by hand. All calls for one tracee must come from the
// OS thread that seized it. It knows no images and no /proc.
package ptrace

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/internal/linux"
)

// AllSignals blocks every signal that can be blocked.
const AllSignals = ^uint64(0)

// Options of a seized tracee (include/uapi/linux/ptrace.h).
const (
	ExitKill       = unix.PTRACE_O_EXITKILL
	SuspendSeccomp = unix.PTRACE_O_SUSPEND_SECCOMP
)

// ErrGone means that the tracee is dead.
var ErrGone = errors.New("task is dead")

// Stop is why a tracee stopped.
type Stop struct {
	Signal unix.Signal // the signal to be delivered, or of the group-stop
	Event  bool        // PTRACE_EVENT_STOP: interrupted, or in group-stop
	Call   bool        // entry or exit of a system call
}

// GroupStop says that the task had been stopped by job control.
func (s Stop) GroupStop() bool {
	switch s.Signal {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return s.Event
	}
	return false
}

// eventStop is PTRACE_EVENT_STOP, in bits 16 up of the wait status.
const eventStop = 128

// WaitStop waits until tid stops, for at most limit. ErrGone when it died, unix.ETIMEDOUT when it did not stop.
func WaitStop(tid int, limit time.Duration) (Stop, error) {
	var start time.Time
	for pause := time.Duration(0); ; {
		got, status, err := linux.Wait(tid, true)
		switch {
		case err == unix.ECHILD:
			return Stop{}, ErrGone
		case err != nil:
			return Stop{}, fmt.Errorf("wait: %w", err)
		case got == tid && status.Stopped():
			return decode(status), nil
		case got == tid && (status.Exited() || status.Signaled()):
			return Stop{}, ErrGone
		}
		switch {
		case pause == 0:
			start = time.Now()
			pause = 5 * time.Microsecond
		case time.Since(start) > limit:
			return Stop{}, unix.ETIMEDOUT
		}
		ts := unix.NsecToTimespec(int64(pause))
		_ = unix.Nanosleep(&ts, nil)
		pause = min(pause*2, time.Millisecond)
	}
}

func decode(status unix.WaitStatus) Stop {
	sig := status.StopSignal()
	return Stop{
		Signal: sig &^ 0x80,
		Event:  uint32(status)>>16 == eventStop,
		Call:   sig == unix.SIGTRAP|0x80,
	}
}

// InterruptWait stops tid at PTRACE_EVENT_STOP. A signal that was on its way is delivered first, and reported to it as it
// would have been.
func InterruptWait(tid int, limit time.Duration) (Stop, error) {
	if err := linux.Interrupt(tid); err != nil {
		return Stop{}, gone(err)
	}
	return WaitInterrupt(tid, limit)
}

// WaitInterrupt waits for the PTRACE_EVENT_STOP of an interrupt that was already asked for.
func WaitInterrupt(tid int, limit time.Duration) (Stop, error) {
	for {
		s, err := WaitStop(tid, limit)
		if err != nil || s.Event {
			return s, err
		}
		sig := s.Signal
		if s.Call {
			sig = 0
		}
		if err := linux.Cont(tid, sig); err != nil {
			return s, gone(err)
		}
	}
}

// gone maps ESRCH, which ptrace gives for a tracee that was killed.
func gone(err error) error {
	if err == unix.ESRCH {
		return ErrGone
	}
	return err
}

// ReadRegisters reads set r of tid into b and returns the part that is there; nil if the kernel or the processor has none.
func ReadRegisters(tid int, r arch.RegSet, b []byte) ([]byte, error) {
	n, err := linux.GetRegSet(tid, r.Note, b)
	switch {
	case err == nil:
		return b[:n], nil
	case r.Optional && (err == unix.EINVAL || err == unix.EIO || err == unix.ENODEV || err == unix.ENODATA):
		return nil, nil
	}
	return nil, fmt.Errorf("registers %s: %w", r.Name, gone(err))
}

// SetRegisters writes set r of tid.
func SetRegisters(tid int, r arch.RegSet, b []byte) error {
	if err := linux.SetRegSet(tid, r.Note, b); err != nil {
		return fmt.Errorf("set registers %s: %w", r.Name, gone(err))
	}
	return nil
}

// Caller makes system calls in a tracee that is at an interrupt stop, through the system call instruction at Insn.
type Caller struct {
	ABI   *arch.ABI
	Tid   int
	Insn  uint64
	GPR   []byte // the task's general registers, the ground on which calls are built; not changed
	Limit time.Duration
}

// Call makes one call and returns its result, a negative errno on failure. The tracee is at an interrupt stop again
// afterwards, with the call's registers: at a syscall-exit stop kernels overwrite some of those one sets.
func (c *Caller) Call(call arch.Call, args ...uint64) (int64, error) {
	var six [6]uint64
	copy(six[:], args)
	gpr := append([]byte(nil), c.GPR...)
	set := c.ABI.RegSets[0]
	c.ABI.Regs.SetCall(gpr, c.Insn, c.ABI.Sys(call), six)
	if err := SetRegisters(c.Tid, set, gpr); err != nil {
		return 0, err
	}
	if err := linux.ContSyscall(c.Tid); err != nil {
		return 0, gone(err)
	}
	s, err := WaitStop(c.Tid, c.Limit)
	if err != nil {
		return 0, err
	}
	if !s.Call {
		return 0, fmt.Errorf("system call instruction at %#x: stopped by %v instead", c.Insn, s.Signal)
	}
	if err := linux.Interrupt(c.Tid); err != nil {
		return 0, gone(err)
	}
	if err := linux.Cont(c.Tid, 0); err != nil {
		return 0, gone(err)
	}
	if s, err = WaitStop(c.Tid, c.Limit); err != nil {
		return 0, err
	}
	if !s.Event {
		return 0, fmt.Errorf("%s: stopped by %v instead of its end", call, s.Signal)
	}
	if _, err := linux.GetRegSet(c.Tid, set.Note, gpr); err != nil {
		return 0, fmt.Errorf("registers %s: %w", set.Name, gone(err))
	}
	return c.ABI.Regs.Result(gpr), nil
}

// Try is Call with a failed call as an error.
func (c *Caller) Try(call arch.Call, args ...uint64) (uint64, error) {
	r, err := c.Call(call, args...)
	if err == nil && r < 0 && r >= -4095 {
		err = unix.Errno(-r)
	}
	if err != nil {
		return 0, fmt.Errorf("%s in the task: %w", call, err)
	}
	return uint64(r), nil
}
