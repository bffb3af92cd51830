package aarch64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// The frame that rt_sigreturn reads (arch/arm64/kernel/signal.c, struct rt_sigframe; include/uapi/asm/{ucontext,sigcontext}.h):
// offsets from the stack pointer, bytes.
const (
	frameUcontext  = 128 // after siginfo
	ucStackFlags   = frameUcontext + 24
	ucSigmask      = frameUcontext + 40
	ucContext      = frameUcontext + 176
	scRegs         = ucContext + 8 // after fault_address: x0-x30, sp, pc, pstate, as in NT_PRSTATUS
	scReserved     = ucContext + 288
	reservedSize   = 4096
	frameSize      = scReserved + reservedSize
	fpsimdMagic    = 0x46508001
	fpsimdRecord   = 528
	fpsimdSize     = 528 // of NT_PRFPREG: v0-v31, fpsr, fpcr, 8 bytes of nothing
	sveMagic       = 0x53564501
	sveRecord      = 16 // before the registers
	sveHeader      = 16 // struct user_sve_header
	sveRegsInUse   = 1  // SVE_PT_REGS_SVE
	refusedSSFlags = 0x7fff
	frontRoom      = 16 // for the word in front of the frame that is free
)

// Sigframe is arch.Regs. The frame's alternate stack is one the kernel refuses, so that the thread's own stays.
func (regs) Sigframe(room []byte, sets [][]byte, _ *arch.XstateLayout, mask, at uint64) (frame []byte, sp uint64) {
	f := append(room[:0], make([]byte, frameSize)...)
	le := binary.LittleEndian
	le.PutUint32(f[ucStackFlags:], refusedSSFlags)
	le.PutUint64(f[ucSigmask:], mask)
	copy(f[scRegs:], sets[0][:gprSize])
	rest := f[scReserved:]
	if len(sets) > 1 && len(sets[1]) == fpsimdSize {
		le.PutUint32(rest, fpsimdMagic)
		le.PutUint32(rest[4:], fpsimdRecord)
		copy(rest[8:16], sets[1][512:520]) // fpsr, fpcr
		copy(rest[16:fpsimdRecord], sets[1][:512])
		rest = rest[fpsimdRecord:]
	}
	if len(sets) > 3 {
		sveContext(rest, sets[3])
	}
	return append(make([]byte, frontRoom), f...), at + frontRoom
}

// sveContext adds the SVE registers where they are in use and fit: vectors of up to 96 bytes.
func sveContext(rest, sve []byte) {
	le := binary.LittleEndian
	if len(sve) < sveHeader || le.Uint16(sve[12:])&1 != sveRegsInUse {
		return
	}
	vl := int(le.Uint16(sve[8:]))
	vq := vl / 16
	n := 32*vl + 17*2*vq // Z; P and FFR
	size := (sveRecord + n + 15) &^ 15
	if len(sve) < sveHeader+n || size+8 > len(rest) {
		return
	}
	le.PutUint32(rest, sveMagic)
	le.PutUint32(rest[4:], uint32(size))
	le.PutUint16(rest[8:], uint16(vl))
	copy(rest[sveRecord:size], sve[sveHeader:sveHeader+n])
}
