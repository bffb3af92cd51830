package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

// struct rt_sigframe as the kernel writes it (arch/x86/include/asm/sigframe.h): the restorer's address, struct ucontext, siginfo_t.
const (
	frameUC   = 8
	frameInfo = frameUC + ucSize
	frameSize = frameInfo + 128

	ucLink  = 8
	ucStack = 16 // stack_t: address, flags, size

	frameContext = frameUC + ucContext
	frameSegs    = frameContext + 8*scSegs

	userSegs = 0x33 | 0x2b<<48 // __USER_CS, no GS, no FS, __USER_DS
	redZone  = 128             // System V ABI, AMD64 supplement, 3.2.2
)

type frames64 struct{}

func (frames64) Size() int { return frameSize }

// Find looks for the selectors of a 64-bit program, which hardly anything else looks like.
func (frames64) Find(b []byte) int {
	for at := frameSegs; at+8 <= len(b); at += 8 {
		if binary.LittleEndian.Uint64(b[at:]) == userSegs {
			return at - frameSegs
		}
	}
	return -1
}

// Parse: a stack pointer in a frame is 8 less than a multiple of 16 (align_sigframe); the stack that was interrupted is above it, or the
// frame is on the alternate one, and says so; the vector registers are above the frame (get_sigframe).
func (frames64) Parse(b []byte, at uint64, gpr []byte) (f arch.Frame, ok bool) {
	word := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	context := func(i int) uint64 { return word(frameContext + 8*i) }
	f = arch.Frame{
		Restorer: word(0),
		Mask:     word(frameUC + ucSigmask),
		Signal:   int(int32(binary.LittleEndian.Uint32(b[frameInfo:]))),
		GPR:      bytes.Clone(gpr),
	}
	for i, r := range sigcontextOrder {
		set(f.GPR, r, context(i))
	}
	set(f.GPR, rFlags, context(scFlags))
	set(f.GPR, rOrigAX, noCall)
	lies := f.LiesAt(at, get(f.GPR, rSP)-redZone, word(frameUC+ucStack), word(frameUC+ucStack+16))
	known := uint64(ucFpXstate | ucSigcontextSS | ucStrictRestoreSS)
	if at%16 != 8 || word(frameUC+ucFlags)&^known != 0 || word(frameUC+ucLink) != 0 || word(frameSegs) != userSegs || !lies {
		return f, false
	}
	if f.Vectors = context(scFpstate); f.Vectors != 0 {
		const most = 64 << 10
		if f.Vectors%64 != 0 || f.Vectors < at+frameSize || f.Vectors-at > most {
			return f, false
		}
		f.VectorSize = xsaveMin
	}
	return f, true
}

func (frames64) Store(b, gpr []byte) {
	for i, r := range sigcontextOrder {
		binary.LittleEndian.PutUint64(b[frameContext+8*i:], get(gpr, r))
	}
	binary.LittleEndian.PutUint64(b[frameContext+8*scFlags:], get(gpr, rFlags))
}

// Vectors is of the x87 and SSE registers: code of the kernel's for tasks uses no others.
func (frames64) Vectors(own, stored []byte) []byte {
	merged := bytes.Clone(own)
	moveLegacy(merged, stored)
	return merged
}

func (frames64) StoreVectors(stored, set []byte) { moveLegacy(stored, set) }

func moveLegacy(to, from []byte) {
	if len(to) < xsaveMin || len(from) < xsaveMin {
		return
	}
	copy(to[:fpSwReserved], from)
	const legacy = 3 // components x87 and SSE
	to[xstateBV] = to[xstateBV]&^legacy | from[xstateBV]&legacy
}

func (frames64) Sealed(f arch.Frame, _ uint64, read func(uint64, []byte) error) bool {
	return sealedVectors(f, read)
}

// sealedVectors says whether the vector registers of f end as the kernel marks their end.
func sealedVectors(f arch.Frame, read func(uint64, []byte) error) bool {
	if f.VectorSize == 0 {
		return true
	}
	b := make([]byte, f.VectorSize)
	if read(f.Vectors, b) != nil {
		return false
	}
	off, seal, ok := sealed(b)
	var end [4]byte
	return ok && read(f.Vectors+uint64(off), end[:]) == nil && binary.LittleEndian.Uint32(end[:]) == seal
}

// sealed reads struct _fpx_sw_bytes, behind which FP_XSTATE_MAGIC2 follows the registers (arch/x86/kernel/fpu/signal.c, save_xstate_epilog).
func sealed(stored []byte) (off int, seal uint32, ok bool) {
	if len(stored) < xsaveMin {
		return 0, 0, false
	}
	sw := stored[fpSwReserved:]
	size := binary.LittleEndian.Uint32(sw[16:])
	return int(size), fpMagic2, binary.LittleEndian.Uint32(sw) == fpMagic1 && size >= xsaveMin && size <= xstateMax
}
