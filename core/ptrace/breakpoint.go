package ptrace

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/internal/linux"
)

// ErrNoBreakpoints means that the processor has no hardware breakpoints, or has none to spare.
var ErrNoBreakpoints = errors.New("the processor has no hardware breakpoint to spare")

// Breakpoints are the hardware breakpoints of a tracee.
type Breakpoints struct {
	Most int
	tid  int
	registers
}

// registers are those by which a kernel has breakpoints set.
type registers interface {
	// count says how many breakpoints there are.
	count(tid int) (int, error)
	// set sets one at each address, or takes them away again.
	set(tid int, to []uint64, enable bool) error
}

var kinds = [...]registers{
	arch.BreakpointNote:  hbpNote{},
	arch.BreakpointPairs: hbpPairs{},
	arch.DebugRegisters:  debugRegisters{},
}

// FindBreakpoints looks how many there are.
func FindBreakpoints(tid int, kind arch.Breakpoints) (*Breakpoints, error) {
	p := &Breakpoints{tid: tid, registers: kinds[kind]}
	var err error
	if p.Most, err = p.count(tid); err != nil || p.Most == 0 {
		return nil, fmt.Errorf("breakpoint: %w", errors.Join(gone(err), ErrNoBreakpoints))
	}
	return p, nil
}

// RunTo lets the stopped tracee run until it is about to execute the instruction at one of the addresses, for at most limit: then it is
// interrupted, and the error unix.ETIMEDOUT. It is Step otherwise, and the tracee has no breakpoint afterwards.
func (p *Breakpoints) RunTo(to []uint64, limit time.Duration) (s Stop, err error) {
	defer func() { err = errors.Join(err, failed(p.set(p.tid, to, false))) }()
	if err := failed(p.set(p.tid, to, true)); err != nil {
		return Stop{}, err
	}
	wait := func(tid int) (Stop, error) { return WaitStop(tid, limit) }
	if s, err = advance(p.tid, linux.Cont, wait); !errors.Is(err, unix.ETIMEDOUT) {
		return s, err
	}
	if e := halt(p.tid); e != nil {
		err = e // and the breakpoints stay: they can be taken from stopped tracees only
	}
	return s, err
}

func failed(err error) error {
	switch err {
	case nil:
		return nil
	case unix.ENOSPC: // another debugger, or perf, has them
		err = ErrNoBreakpoints
	}
	return fmt.Errorf("breakpoint: %w", gone(err))
}

// haltLimit bounds the wait for a tracee that runs nothing but code of its own.
const haltLimit = 20 * time.Second

// halt stops a tracee that runs to a breakpoint: should it come there after all, the signal is not delivered.
func halt(tid int) error {
	if err := linux.Interrupt(tid); err != nil {
		return gone(err)
	}
	withheld := func(s Stop) unix.Signal {
		if s.Signal == unix.SIGTRAP {
			return 0
		}
		return s.Signal
	}
	_, err := interrupted(tid, withheld, func() (Stop, error) { return WaitStop(tid, haltLimit) })
	if err == unix.ETIMEDOUT {
		err = fmt.Errorf("breakpoint: does not stop within %v", haltLimit)
	}
	return err
}
