package arm

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// dummyMagic begins a block for the coprocessor iWMMXt, which kernels that know it put in front of the VFP registers of each signal frame even where
// the thread has never used it (arch/arm/kernel/signal.c, preserve_iwmmxt_context; asm/ucontext.h).
const dummyMagic = 0xb0d9ed01

// refit is arch.ABI: kernels without CONFIG_IWMMXT, Debian's since Linux 6.12 and those of arm64, take a frame with such a block for a broken one.
// Kernels with it do not miss the block.
func refit(stack []byte) (changed bool) {
	le := binary.LittleEndian
	const head = 8 // magic, size
	for at := 0; at+head <= len(stack); at += 8 {
		if le.Uint32(stack[at:]) != dummyMagic {
			continue
		}
		size := int(le.Uint32(stack[at+4:]))
		vfp := at + size
		if size < head || size%8 != 0 || size > regspace-vfpRecord || vfp+vfpRecord > len(stack) ||
			le.Uint32(stack[vfp:]) != vfpMagic || le.Uint32(stack[vfp+4:]) != vfpRecord {
			continue
		}
		copy(stack[at:], stack[vfp:vfp+vfpRecord])
		clear(stack[at+vfpRecord : vfp+vfpRecord])
		changed = true
	}
	return changed
}

const (
	frameRegs = 4 * (rCPSR + 1) // r0-r15, cpsr
	cpsrMode  = 0x1f
	modeUser  = 0x10
)

// plainFlags are in the flags of the frame of a handler without SA_SIGINFO, which begins with them: it has no siginfo, link and alternate stack
// are not written to (arch/arm/kernel/signal.c, setup_frame; arch/arm64/kernel/signal32.c, compat_setup_frame).
const plainFlags = 0x5ac3c35a

// frames have a block for iWMMXt before the VFP registers, or none, and a siginfo at their beginning, or none.
type frames struct{}

// iwmmxt is the size of that block, bytes (struct iwmmxt_sigframe).
const iwmmxt = 160

func (frames) Size() int { return ucRegspace + 8 } // up to where the first block says what it is

// contextOf is what comes before the context of a frame, bytes less than with a siginfo.
func contextOf(frame []byte) (less int) {
	if binary.LittleEndian.Uint32(frame) == plainFlags {
		return frameUcontext
	}
	return 0
}

// Find looks for the record of the VFP registers.
func (frames) Find(b []byte) int {
	const space = ucRegspace - frameUcontext
	for at := space; at+8 <= len(b); at += 8 {
		if binary.LittleEndian.Uint64(b[at:]) != vfpRecord<<32|vfpMagic {
			continue
		}
		context := at - space
		if block := at - iwmmxt; block >= space && binary.LittleEndian.Uint64(b[block:]) == iwmmxt<<32|dummyMagic {
			context = block - space
		}
		switch {
		case contextOf(b[context:]) != 0:
			return context
		case context >= frameUcontext:
			return context - frameUcontext
		}
	}
	return -1
}

// vfpOffset is where in a frame the record of the VFP registers is.
func vfpOffset(b []byte) int {
	space := ucRegspace - contextOf(b)
	if binary.LittleEndian.Uint64(b[space:]) == iwmmxt<<32|dummyMagic {
		return space + iwmmxt
	}
	return space
}

// Parse: the number of the signal is in frames of handlers with SA_SIGINFO alone. The stack that was interrupted is above the frame, or the
// frame is on the alternate one, and says so if it is one of those. There is no restorer in it.
func (frames) Parse(b []byte, at uint64, gpr []byte) (f arch.Frame, ok bool) {
	word := func(off int) uint64 { return uint64(binary.LittleEndian.Uint32(b[off:])) }
	less := contextOf(b)
	f = arch.Frame{
		Plain: less != 0, Mask: binary.LittleEndian.Uint64(b[ucSigmask-less:]), GPR: bytes.Clone(gpr),
		Vectors: at + uint64(vfpOffset(b)) + 8, VectorSize: vfpSize,
	}
	copy(f.GPR[:frameRegs], b[scRegs-less:])
	if at%8 != 0 || get(f.GPR, rCPSR)&cpsrMode != modeUser {
		return f, false
	}
	if f.Plain {
		return f, true
	}
	f.Signal = int(int32(binary.LittleEndian.Uint32(b)))
	return f, word(ucFlags) == 0 && word(ucLink) == 0 && f.LiesAt(at, get(f.GPR, rSP), word(ucStack), word(ucStack+8))
}

func (frames) Store(b, gpr []byte) {
	regs := scRegs - contextOf(b)
	copy(b[regs:regs+frameRegs], gpr)
}

func (frames) Vectors(own, stored []byte) []byte {
	if len(own) != vfpSize {
		return own
	}
	return stored
}

func (frames) StoreVectors(stored, set []byte) {
	if len(set) == vfpSize {
		copy(stored, set)
	}
}

func (frames) Sealed(arch.Frame, uint64, func(uint64, []byte) error) bool { return true }
