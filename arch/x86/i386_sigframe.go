package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// The frame that rt_sigreturn of a 32-bit task reads (arch/x86/include/asm/sigframe.h, struct rt_sigframe_ia32;
// include/asm/ia32.h and sigcontext32.h), offsets from the stack pointer of the call, which is 4 above the frame.
const (
	uc32At         = 4 + 3*4 + 128 - 4 // sig, pinfo, puc, siginfo
	uc32StackFlags = 12
	uc32Context    = 20
	uc32Sigmask    = uc32Context + 88
	uc32Size       = uc32Sigmask + 8

	sc32Fpstate = 76 // from uc32Context
	fsaveSize   = 112
)

// sigcontext32Order are the registers of struct sigcontext_32, 4 bytes each; -1 is none of them, or not read (arch/x86/kernel/signal_32.c,
// ia32_restore_sigcontext), as the second stack pointer.
var sigcontext32Order = []int{eGS, eFS, eES, eDS, eDI, eSI, eBP, eSP, eBX, eDX, eCX, eAX, -1, -1, eIP, eCS, eFlags, -1, eSS}

// Sigframe is arch.Regs. The frame's alternate stack is one the kernel refuses, so that the thread's own stays. The extended
// state follows the image of FSAVE, which the kernel makes of it again.
func (r regs32) Sigframe(room []byte, regs [][]byte, layout *arch.XstateLayout, mask, at uint64) (frame []byte, sp uint64) {
	gpr := bytes.Clone(regs[0])
	r.Rewind(gpr, arch.NoHandler)
	le := binary.LittleEndian
	// Room for what a call returns through, then what rt_sigreturn reads, and all else above it: a signal that is handled on the way to it
	// overwrites what is below.
	const head = 64
	frame = append(room[:0], make([]byte, head+uc32At+uc32Size)...)
	uc := frame[head+uc32At:]
	le.PutUint32(uc[uc32StackFlags:], 0x7fff)
	for i, e := range sigcontext32Order {
		if e >= 0 {
			le.PutUint32(uc[uc32Context+4*i:], uint32(get32(gpr, e)))
		}
	}
	le.PutUint64(uc[uc32Sigmask:], mask)
	if len(regs) > 1 && layout != nil && len(regs[1]) >= xsaveMin {
		fp := appendXframe(nil, regs[1], layout)
		for (len(frame)+fsaveSize)%64 != 0 { // the extended state is 64-byte aligned
			frame = append(frame, 0)
		}
		le.PutUint32(frame[head+uc32At+uc32Context+sc32Fpstate:], uint32(at)+uint32(len(frame)))
		frame = append(append(frame, fsave(fp)...), fp...)
	}
	return frame, at + head
}

// fsave is the start of struct _fpstate_32, an FSAVE image of the x87 registers of the FXSAVE image fx (Intel SDM vol. 1, 8.1.10
// and 10.5.1), as far as the kernel reads it.
func fsave(fx []byte) []byte {
	b := make([]byte, fsaveSize)
	le := binary.LittleEndian
	tags := uint32(0xffff0000)
	for i := range 8 {
		if fx[4]>>i&1 == 0 {
			tags |= 3 << (2 * i) // empty
		}
		copy(b[28+10*i:38+10*i], fx[32+16*i:])
	}
	le.PutUint32(b, 0xffff0000|uint32(le.Uint16(fx)))
	le.PutUint32(b[4:], 0xffff0000|uint32(le.Uint16(fx[2:])))
	le.PutUint32(b[8:], tags)
	copy(b[12:16], fx[8:])  // instruction
	copy(b[16:18], fx[12:]) // its segment
	copy(b[18:20], fx[6:])  // opcode
	copy(b[20:24], fx[16:]) // operand
	copy(b[24:26], fx[20:]) // its segment
	return b
}
