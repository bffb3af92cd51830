package task

import (
	"math/bits"

	"woodfrog/arch"
)

// Flags of an action (include/uapi/asm-generic/signal-defs.h; asm/signal.h for SA_RESTORER).
const (
	saSiginfo  = 0x4
	saRestorer = 0x04000000
	saOnstack  = 0x08000000
	saNodefer  = 0x40000000
)

// hasOpenHandler says whether the task has a handler that runs with its own signal let through.
func (t *Task) hasOpenHandler() bool {
	for sig := 1; sig <= numSignals; sig++ {
		if t.Status.SigCgt>>(sig-1)&1 != 0 && t.action(sig).Flags&saNodefer != 0 {
			return true
		}
	}
	return false
}

// blocks says whether mask blocks the signal of f: the one that it says, or one that was not blocked before and whose handler may have it.
func (t *Task) blocks(f *arch.Frame, mask uint64) bool {
	if f.Signal != 0 && mask>>(f.Signal-1)&1 != 0 {
		return true
	}
	for set := mask &^ f.Mask; set != 0; set &= set - 1 {
		if sig := bits.TrailingZeros64(set) + 1; t.handles(sig, f) {
			return true
		}
	}
	return false
}

// opens says whether f can be the frame of a handler that runs while mask is blocked, and lets its own signal through. Nothing tells it for
// sure from one that is over and was not overwritten: a function with a large buffer may be where the handler was. So everything has to
// agree, with what the signal's action is now, and to the last word of what the kernel has written.
func (t *Task) opens(f *handlerFrame, mask uint64) bool {
	for sig := 1; sig <= numSignals; sig++ {
		if !t.handles(sig, &f.Frame) {
			continue
		}
		sa := t.action(sig)
		if sa.Flags&saNodefer != 0 && (f.Mask|sa.Mask)&^mask == 0 && (f.High == 0 || sa.Flags&saOnstack != 0) {
			return t.ABI.Frames.Sealed(f.Frame, f.at, t.readMemory)
		}
	}
	return false
}

// handles says whether f can be a frame for the handler of signal sig. Some kernels tell the signal only to handlers with SA_SIGINFO.
func (t *Task) handles(sig int, f *arch.Frame) bool {
	if t.Status.SigCgt>>(sig-1)&1 == 0 {
		return false
	}
	sa := t.action(sig)
	if sa.Flags&saRestorer != 0 && f.Restorer != 0 && f.Restorer != sa.Restorer {
		return false
	}
	if f.Plain || sa.Flags&saSiginfo != 0 {
		return (f.Signal == sig || f.Plain && f.Signal == 0) && f.Plain == (sa.Flags&saSiginfo == 0)
	}
	return true
}
