package ppc64

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

const (
	ucFlags  = 0
	ucLink   = 8
	ucStack  = 16             // stack_t: address, flags, size
	scSignal = ucContext + 32 // its number
	scRegs   = ucContext + 56 // the address of the general registers

	// Of any program that runs: 64-bit, in user mode with interrupts and translation on, little-endian (arch/powerpc/include/asm/reg.h).
	msrUser = 1<<63 | 0xd033
	redZone = 288 // 64-Bit ELF V2 ABI Specification, 2.2.2.4
)

type frames struct{}

func (frames) Size() int { return scVRegs + 8 }

// Find looks for the register MSR of a program.
func (frames) Find(b []byte) int {
	const msr = scGpRegs + 8*rMSR
	for at := msr; at+8 <= len(b); at += 8 {
		if binary.LittleEndian.Uint64(b[at:])&msrUser == msrUser {
			return at - msr
		}
	}
	return -1
}

// Parse: a frame holds the addresses of its own registers, those of vectors too (sigcontext_vmx_regs): there is no ppc64le without (64-Bit ELF V2
// ABI Specification, 1.1). A zero there is another's: a later frame, a little higher up, has general registers there, and room that nothing is
// written to where the rest is. The stack that was interrupted is above it, or it is on the alternate one, and says so. There is no restorer in
// it. The functions of the vDSO have no use for other registers.
func (frames) Parse(b []byte, at uint64, gpr []byte) (f arch.Frame, ok bool) {
	word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	f = arch.Frame{Signal: int(int32(binary.LittleEndian.Uint32(b[scSignal:]))), Mask: word(ucSigmask), GPR: bytes.Clone(gpr)}
	frames{}.move(f.GPR, b[scGpRegs:])
	set(f.GPR, rTrap, 0) // no call is made again
	return f, at%16 == 0 && word(ucLink) == 0 && word(scRegs) == at+scGpRegs && word(scVRegs) == at+vregsAt &&
		f.LiesAt(at, get(f.GPR, rR1)-redZone, word(ucStack), word(ucStack+16))
}

// move copies what a program can change.
func (frames) move(to, from []byte) {
	copy(to[:8*rMSR], from)
	copy(to[8*(rMSR+1):gprSize], from[8*(rMSR+1):gprSize])
}

func (frames) Store(b, gpr []byte) {
	trap := get(b[scGpRegs:], rTrap)
	frames{}.move(b[scGpRegs:], gpr)
	set(b[scGpRegs:], rTrap, trap)
}

func (frames) Vectors(own, _ []byte) []byte { return bytes.Clone(own) }

func (frames) StoreVectors(_, _ []byte) {}

// Sealed: behind the context, or two of them in kernels that know transactional memory, the kernel has room for code, and then the addresses
// of what it tells the handler (struct rt_sigframe).
func (frames) Sealed(_ arch.Frame, at uint64, read func(uint64, []byte) error) bool {
	const before, infoOff = 2*8 + 7*4 + 4, 2 * 8 // _unused, tramp and what aligns; pinfo, puc
	for _, end := range []uint64{frameSize, 2 * frameSize} {
		pinfo := at + end + before
		var b [infoOff]byte
		if read(pinfo, b[:]) == nil && binary.LittleEndian.Uint64(b[:]) == pinfo+infoOff && binary.LittleEndian.Uint64(b[8:]) == at {
			return true
		}
	}
	return false
}
