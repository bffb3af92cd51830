package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// The frames that the kernel writes for 32-bit handlers (arch/x86/include/asm/sigframe.h). struct rt_sigframe_ia32, with SA_SIGINFO: the
// address to return to, signal, addresses of what follows, siginfo, struct ucontext_ia32. struct sigframe_ia32, without: the address to
// return to, signal, struct sigcontext_32, room for what once was a struct _fpstate_32, the second half of the mask.
const (
	rt32Signal  = 4
	rt32Pinfo   = 8
	rt32Puc     = 12
	rt32Info    = 16
	rt32UC      = rt32Info + 128
	rt32Context = rt32UC + uc32Context
	rt32Size    = rt32UC + uc32Size + 8 // and code

	old32Context = 8
	old32Mask    = old32Context + 88 + 624
	old32Size    = old32Mask + 4 + 8 // and code

	uc32Link  = 4
	uc32Stack = 8 // compat_stack_t: address, flags, size

	sc32ES      = 8 // from the context
	sc32CS      = 60
	sc32SS      = 72
	sc32Oldmask = 80

	userCS32 = 0x23 // __USER32_CS
	userDS   = 0x2b // __USER_DS
)

type frames32 struct{}

func (frames32) Size() int { return old32Size }

// context32 is where the context of a frame is: one with siginfo has the addresses of two parts that follow each other.
func context32(frame []byte) int {
	word := func(off int) uint32 { return binary.LittleEndian.Uint32(frame[off:]) }
	if word(rt32Puc)-word(rt32Pinfo) == rt32UC-rt32Info {
		return rt32Context
	}
	return old32Context
}

// Find looks for the selectors of a 32-bit program.
func (frames32) Find(b []byte) int {
	word := func(off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	for at := old32Context; at+sc32SS+4 <= len(b); at += 4 {
		if word(at+sc32CS) != userCS32 || word(at+sc32SS) != userDS || word(at+sc32ES) != userDS {
			continue
		}
		if rt := at - rt32Context; rt >= 0 && context32(b[rt:]) == rt32Context {
			return rt
		}
		return at - old32Context
	}
	return -1
}

// Parse: the word behind a frame's first is at a multiple of 16 (align_sigframe); the stack that was interrupted is above it, or the frame is
// on the alternate one; the floating point registers are above the frame, in the layout of FSAVE and, aligned, that of FXSAVE
// (fpu__alloc_mathframe). Those are left alone: code of the vDSO for 32-bit tasks uses none (arch/x86/Makefile, -mno-sse; vdso32, -msoft-float).
func (frames32) Parse(b []byte, at uint64, gpr []byte) (f arch.Frame, ok bool) {
	word := func(off int) uint64 { return uint64(binary.LittleEndian.Uint32(b[off:])) }
	f = arch.Frame{Restorer: word(0), Signal: int(int32(word(rt32Signal))), GPR: bytes.Clone(gpr)}
	context, end := context32(b), at+rt32Size
	if f.Plain = context == old32Context; f.Plain {
		end = at + old32Size
		f.Mask = word(old32Context+sc32Oldmask) | word(old32Mask)<<32
	} else {
		f.Mask = binary.LittleEndian.Uint64(b[rt32UC+uc32Sigmask:])
	}
	for i, e := range sigcontext32Order {
		if e >= 0 {
			set32(f.GPR, e, word(context+4*i))
		}
	}
	set32(f.GPR, eOrigAX, noCall)
	const most = 64 << 10
	fp := word(context + sc32Fpstate)
	if at%16 != 12 || word(context+sc32CS) != userCS32 || word(context+sc32SS) != userDS || word(context+sc32ES) != userDS ||
		fp != 0 && ((fp+fsaveSize)%64 != 0 || fp < end || fp-at > most) {
		return f, false
	}
	if fp != 0 {
		f.Vectors, f.VectorSize = fp+fsaveSize, xsaveMin
	}
	if f.Plain {
		return f, true
	}
	uc := func(off int) uint64 { return word(rt32UC + off) }
	return f, word(rt32Pinfo) == at+rt32Info && uc(ucFlags)&^ucFpXstate == 0 && uc(uc32Link) == 0 && word(rt32Info) == word(rt32Signal) &&
		f.LiesAt(at, get32(f.GPR, eSP), uc(uc32Stack), uc(uc32Stack+8))
}

func (frames32) Store(b, gpr []byte) {
	context := context32(b)
	for i, e := range sigcontext32Order {
		if e >= 0 {
			binary.LittleEndian.PutUint32(b[context+4*i:], uint32(get32(gpr, e)))
		}
	}
}

func (frames32) Vectors(own, _ []byte) []byte { return own }
func (frames32) StoreVectors(_, _ []byte)     {}

func (frames32) Sealed(f arch.Frame, _ uint64, read func(uint64, []byte) error) bool {
	return sealedVectors(f, read)
}
