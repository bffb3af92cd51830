package ppc64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// The frame that rt_sigreturn reads, a struct ucontext at the stack pointer (arch/powerpc/kernel/signal_64.c;
// include/uapi/asm/{ucontext,sigcontext}.h): offsets, bytes.
const (
	ucStackFlags = 24
	ucSigmask    = 40
	ucContext    = 168
	scGpRegs     = ucContext + 64
	scFpRegs     = scGpRegs + gprSize
	scVRegs      = scFpRegs + 33*8 // the address of the vector registers
	scReserve    = scVRegs + 8
	vregsAt      = (scReserve + 15) &^ 15 // where they are, in a frame at a multiple of 16
	vregsSize    = 34 * 16
	frameSize    = scReserve + 101*8

	refusedSSFlags = 0x7fff
	frontRoom      = 16 // for the word in front of the frame that is free
	msrVSX         = 1 << 23
	msrVEC         = 1 << 25
	msrTS          = 3 << 33
)

// Sigframe is arch.Regs. The frame's alternate stack is one the kernel refuses, so that the thread's own stays.
func (r regs) Sigframe(room []byte, sets [][]byte, _ *arch.XstateLayout, mask, at uint64) (frame []byte, sp uint64) {
	f := append(room[:0], make([]byte, frameSize)...)
	le := binary.LittleEndian
	le.PutUint32(f[ucStackFlags:], refusedSSFlags)
	le.PutUint64(f[ucSigmask:], mask)
	gpr := f[scGpRegs : scGpRegs+gprSize]
	copy(gpr, sets[0])
	r.Rewind(gpr, arch.NoHandler)
	msr := get(gpr, rMSR) &^ uint64(msrTS|msrVEC|msrVSX)
	if len(sets) > 1 {
		copy(f[scFpRegs:scVRegs], sets[1])
	}
	if len(sets) > 2 && len(sets[2]) == vregsSize {
		le.PutUint64(f[scVRegs:], at+frontRoom+vregsAt)
		copy(f[vregsAt:vregsAt+vregsSize], sets[2])
		msr |= msrVEC
		if len(sets) > 3 && len(sets[3]) > 0 {
			copy(f[vregsAt+vregsSize:], sets[3])
			msr |= msrVSX
		}
	}
	set(gpr, rMSR, msr)
	return append(make([]byte, frontRoom), f...), at + frontRoom
}
