package ptrace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// ErrNoBreakpoints means that the processor has no hardware breakpoints, or has none to spare.
var ErrNoBreakpoints = errors.New("the processor has no hardware breakpoint to spare")

// Breakpoints are the hardware breakpoints of a tracee, set where the kernel has them: by the register set Note, or, if that is 0, by
// PTRACE_SETHBPREGS.
type Breakpoints struct {
	Tid  int
	Note uint32
	Most int
}

// The control word of a hardware breakpoint (arch/arm/include/asm/hw_breakpoint.h, decode_ctrl_reg; the same of arm64).
const (
	hbpEnable = 1
	hbpUser   = 2 << 1 // privilege
	hbpTwo    = 3 << 5 // bytes of the instruction
	hbpFour   = 0xf << 5
)

const (
	hbpCount = 0xff // in the word that tells what there is
	thumb    = 1    // marks addresses of Thumb code
)

// FindBreakpoints looks how many there are.
func FindBreakpoints(tid int, note uint32) (*Breakpoints, error) {
	p := &Breakpoints{Tid: tid, Note: note}
	var info uint32
	var err error
	if note == 0 {
		info, err = linux.HBPReg(tid, 0)
	} else {
		b := make([]byte, 8+16*16) // struct user_hwdebug_state, arch/arm64/include/uapi/asm/ptrace.h
		_, err = linux.GetRegSet(tid, note, b)
		info = binary.LittleEndian.Uint32(b)
	}
	if p.Most = int(info & hbpCount); err != nil || p.Most == 0 {
		return nil, fmt.Errorf("breakpoint: %w", errors.Join(gone(err), ErrNoBreakpoints))
	}
	return p, nil
}

// RunTo lets the stopped tracee run until it is about to execute the instruction at one of the addresses, for at most limit: unix.ETIMEDOUT. It
// is Step otherwise, and the tracee has no breakpoint afterwards.
func (p *Breakpoints) RunTo(to []uint64, limit time.Duration) (s Stop, err error) {
	defer func() { err = errors.Join(err, p.set(to, 0)) }()
	// An address has to suit the length that is there already: 0 does. Kernels of arm64 do not look at the length of one that is not enabled
	// (arch/arm64/kernel/ptrace.c, ptrace_hbp_fill_attr_ctrl).
	lengths := make([]uint64, len(to))
	for i, at := range to {
		lengths[i] = at & thumb
	}
	if err := errors.Join(p.set(lengths, hbpEnable), p.set(to, hbpEnable)); err != nil {
		return Stop{}, err
	}
	wait := func(tid int) (Stop, error) { return WaitStop(tid, limit) }
	if s, err = advance(p.Tid, linux.Cont, wait); !errors.Is(err, unix.ETIMEDOUT) {
		return s, err
	}
	if e := halt(p.Tid, limit); e != nil {
		err = e // and the breakpoints stay: they can be taken from stopped tracees only
	}
	return s, err
}

// set sets addresses, and their control words with that bit or without.
func (p *Breakpoints) set(to []uint64, enable uint32) error {
	le := binary.LittleEndian
	b := make([]byte, 8)
	for i, at := range to {
		control := uint32(hbpFour|hbpUser) | enable
		if at&thumb != 0 {
			control = hbpTwo | hbpUser | enable
		}
		b = le.AppendUint32(le.AppendUint32(le.AppendUint64(b, at&^thumb), control), 0)
		if p.Note == 0 {
			if err := errors.Join(p.hbp(2*i+1, uint32(at&^thumb)), p.hbp(2*i+2, control)); err != nil {
				return err
			}
		}
	}
	if p.Note == 0 {
		return nil
	}
	return p.failed(linux.SetRegSet(p.Tid, p.Note, b))
}

func (p *Breakpoints) hbp(n int, v uint32) error { return p.failed(linux.SetHBPReg(p.Tid, n, v)) }

func (p *Breakpoints) failed(err error) error {
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
