package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// The frame that rt_sigreturn reads (arch/x86/include/asm/sigframe.h, struct rt_sigframe from uc on; struct ucontext and
// struct sigcontext of include/uapi/asm): offsets, bytes.
const (
	ucFlags      = 0
	ucStackFlags = 24
	ucContext    = 40
	ucSigmask    = 296
	ucSize       = 304

	scFlags   = 17 // in words of 8 from ucContext
	scSegs    = 18
	scFpstate = 23

	ucFpXstate        = 1 // UC_FP_XSTATE
	ucSigcontextSS    = 2
	ucStrictRestoreSS = 4

	fpSwReserved = 464 // struct _fpx_sw_bytes in the legacy area
	fpMagic1     = 0x46505853
	fpMagic2     = 0x46505845
	xstateBV     = 512
	xsaveMin     = 512 + 64
)

// sigcontextOrder are the registers of struct sigcontext, in order.
var sigcontextOrder = []int{rR8, rR9, rR10, rR11, rR12, rR13, rR14, rR15, rDI, rSI, rBP, rBX, rDX, rAX, rCX, rSP, rIP}

// Sigframe is arch.Regs. The frame's alternate stack is one the kernel refuses, so that the thread's own stays.
func (regs64) Sigframe(room []byte, regs [][]byte, layout *arch.XstateLayout, mask, at uint64) (frame []byte, sp uint64) {
	gpr := bytes.Clone(regs[0])
	regs64{}.Rewind(gpr, arch.NoHandler)
	// Room for a return address, then struct ucontext where the stack pointer is, and all else above it: a signal that is handled on the
	// way to rt_sigreturn overwrites what is below.
	const head = 16
	frame = append(room[:0], make([]byte, head+ucSize)...)
	uc, put := frame[head:], binary.LittleEndian.PutUint64
	put(uc[ucFlags:], ucFpXstate|ucSigcontextSS|ucStrictRestoreSS)
	binary.LittleEndian.PutUint32(uc[ucStackFlags:], 0x7fff)
	sc := uc[ucContext:]
	for i, r := range sigcontextOrder {
		put(sc[8*i:], get(gpr, r))
	}
	put(sc[8*scFlags:], get(gpr, rFlags))
	put(sc[8*scSegs:], get(gpr, rCS)&0xffff|get(gpr, rSS)<<48)
	put(uc[ucSigmask:], mask)
	if len(regs[1]) > 0 {
		put(sc[8*scFpstate:], at+head+ucSize) // 64-byte aligned, as XRSTOR wants it
	}
	return appendXframe(frame, regs[1], layout), at + head
}

// appendXframe appends NT_X86_XSTATE as a signal frame has it: cut behind the last component in use, since the kernel refuses a frame
// larger than what the task may use, with the kernel's record of that.
func appendXframe(frame, xstate []byte, layout *arch.XstateLayout) []byte {
	if len(xstate) < xsaveMin {
		return append(frame, xstate...)
	}
	bv := binary.LittleEndian.Uint64(xstate[xstateBV:]) | 3
	size, start := min(xstateUsed(xstate, layout), len(xstate)), len(frame)
	frame = append(append(frame, xstate[:size]...), 0, 0, 0, 0)
	fp := frame[start:]
	sw := fp[fpSwReserved:]
	clear(sw[:48])
	binary.LittleEndian.PutUint32(sw, fpMagic1)
	binary.LittleEndian.PutUint32(sw[4:], uint32(size+4))
	binary.LittleEndian.PutUint64(sw[8:], bv)
	binary.LittleEndian.PutUint32(sw[16:], uint32(size))
	binary.LittleEndian.PutUint32(fp[size:], fpMagic2)
	return frame
}

// xstateUsed is the end of the last component of NT_X86_XSTATE that is in use: what its header does not name is in its initial state.
func xstateUsed(b []byte, layout *arch.XstateLayout) int {
	if len(b) < xsaveMin {
		return len(b)
	}
	bv, size := binary.LittleEndian.Uint64(b[xstateBV:]), xsaveMin
	for n := 2; n < len(layout); n++ {
		if bv>>n&1 != 0 {
			size = max(size, int(layout[n].Offset+layout[n].Size))
		}
	}
	return size
}
