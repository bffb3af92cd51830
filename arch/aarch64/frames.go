package aarch64

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

const (
	ucFlags = frameUcontext
	ucLink  = frameUcontext + 8
	ucStack = frameUcontext + 16 // stack_t: address, flags, size

	fpsimdRegs  = 512 // v0-v31
	fpsimdWords = 8   // fpsr, fpcr: before the registers in a frame, behind them in NT_PRFPREG
	pstateMode  = 0x1f
)

type frames struct{}

func (frames) Size() int { return scReserved + fpsimdRecord }

// Find looks for the record of the vector registers, which is always there and the first (arch/arm64/kernel/signal.c, setup_sigframe_layout).
func (frames) Find(b []byte) int {
	for at := scReserved; at+8 <= len(b); at += 8 {
		if binary.LittleEndian.Uint64(b[at:]) == fpsimdRecord<<32|fpsimdMagic {
			return at - scReserved
		}
	}
	return -1
}

// Parse: the number of the signal is in frames of handlers with SA_SIGINFO alone. The stack that was interrupted is above the frame, or the
// frame is on the alternate one, and says so. There is no restorer in it.
func (frames) Parse(b []byte, at uint64, gpr []byte) (f arch.Frame, ok bool) {
	word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	f = arch.Frame{
		Signal: int(int32(binary.LittleEndian.Uint32(b))), Mask: word(ucSigmask), GPR: bytes.Clone(gpr),
		Vectors: at + scReserved + 8, VectorSize: fpsimdWords + fpsimdRegs,
	}
	copy(f.GPR[:gprSize], b[scRegs:])
	return f, at%16 == 0 && word(ucFlags) == 0 && word(ucLink) == 0 && get(f.GPR, rPstate)&pstateMode == 0 &&
		f.LiesAt(at, get(f.GPR, rSP), word(ucStack), word(ucStack+16))
}

func (frames) Store(b, gpr []byte) { copy(b[scRegs:scReserved], gpr[:gprSize]) }

func (frames) Vectors(own, stored []byte) []byte {
	merged := bytes.Clone(own)
	if len(merged) == fpsimdSize {
		copy(merged, stored[fpsimdWords:])
		copy(merged[fpsimdRegs:], stored[:fpsimdWords])
	}
	return merged
}

func (frames) StoreVectors(stored, set []byte) {
	if len(set) == fpsimdSize {
		copy(stored[fpsimdWords:], set[:fpsimdRegs])
		copy(stored[:fpsimdWords], set[fpsimdRegs:])
	}
}

func (frames) Sealed(arch.Frame, uint64, func(uint64, []byte) error) bool { return true }
