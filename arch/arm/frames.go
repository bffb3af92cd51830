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

// frames begin with the block for iWMMXt, or without it.
type frames struct{}

// iwmmxt is the size of that block, bytes (struct iwmmxt_sigframe).
const iwmmxt = 160

func (frames) Size() int { return ucRegspace + iwmmxt + vfpRecord }

// Find looks for the record of the VFP registers.
func (frames) Find(b []byte) int {
	for at := ucRegspace; at+8 <= len(b); at += 8 {
		switch i := at - ucRegspace; {
		case binary.LittleEndian.Uint64(b[at:]) != vfpRecord<<32|vfpMagic:
		case i >= iwmmxt && vfpOffset(b[i-iwmmxt:]) == ucRegspace+iwmmxt:
			return i - iwmmxt
		default:
			return i
		}
	}
	return -1
}

// vfpOffset is where in a frame the record of the VFP registers is.
func vfpOffset(b []byte) int {
	if binary.LittleEndian.Uint64(b[ucRegspace:]) == iwmmxt<<32|dummyMagic {
		return ucRegspace + iwmmxt
	}
	return ucRegspace
}

// Parse: the number of the signal is in frames of handlers with SA_SIGINFO alone. The stack that was interrupted is above the frame, or the
// frame is on the alternate one, and says so. There is no restorer in it.
func (frames) Parse(b []byte, at uint64, gpr []byte) (f arch.Frame, ok bool) {
	word := func(off int) uint64 { return uint64(binary.LittleEndian.Uint32(b[off:])) }
	f = arch.Frame{
		Signal: int(int32(binary.LittleEndian.Uint32(b))), Mask: binary.LittleEndian.Uint64(b[ucSigmask:]), GPR: bytes.Clone(gpr),
		Vectors: at + uint64(vfpOffset(b)) + 8, VectorSize: vfpSize,
	}
	copy(f.GPR[:frameRegs], b[scRegs:])
	return f, at%8 == 0 && word(ucFlags) == 0 && word(ucLink) == 0 && get(f.GPR, rCPSR)&cpsrMode == modeUser &&
		f.LiesAt(at, get(f.GPR, rSP), word(ucStack), word(ucStack+8))
}

func (frames) Store(b, gpr []byte) { copy(b[scRegs:scRegs+frameRegs], gpr) }

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

func (frames) Seal([]byte) (int, uint32, bool) { return 0, 0, true }
