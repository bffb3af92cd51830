package ppc64

import (
	"woodfrog/arch"
)

// Instructions (Power ISA, book I): D forms have d at bit 21, a at 16, an immediate at 0; rldicr and ori have s at 21, a at 16.
const (
	insnSc     = 0x44000002
	insnBlr    = 0x4e800020
	insnBnslr  = 0x4c830020 // return if CR0.SO is clear
	insnNegR3  = 0x7c6300d0 // neg r3, r3
	insnBctr   = 0x4e800420
	insnMtctr  = 0x7c0003a6 | 9<<16 // the register at bit 21
	insnLi     = 0x38000000         // addi d, 0, imm
	insnLis    = 0x3c000000
	insnOri    = 0x60000000
	insnOris   = 0x64000000
	insnSldi32 = 0x780007c6 // rldicr a, s, 32, 31

	sysRtSigreturn = 172
)

var sc = arch.Words(insnSc)

func findSc(code []byte) int { return arch.FindWords(code, insnSc) }

// callReturn finds sc; blr, or the fallbacks of the vDSO, which turn a failure into a negative result on the way.
func callReturn(code []byte) int {
	if at := arch.FindWords(code, insnSc, insnBlr); at >= 0 {
		return at
	}
	return arch.FindWords(code, insnSc, insnBnslr, insnNegR3, insnBlr)
}

// sigreturn finds li r0, 172; sc: the end of __kernel_sigtramp_rt64, behind its correction of the stack pointer.
func sigreturn(code []byte) int { return arch.FindWords(code, insnLi|sysRtSigreturn, insnSc) }

// load puts v into general register d.
func load(b []byte, d uint32, v uint64) []byte {
	part := func(shift int) uint32 { return uint32(v >> shift & 0xffff) }
	return append(b, arch.Words(
		insnLis|d<<21|part(48),
		insnOri|d<<21|d<<16|part(32),
		insnSldi32|d<<21|d<<16,
		insnOris|d<<21|d<<16|part(16),
		insnOri|d<<21|d<<16|part(0),
	)...)
}

func shim(calls []arch.ShimCall, entry, tcb uint64) []byte {
	var b []byte
	for _, c := range calls {
		for i, v := range c.Args {
			b = load(b, uint32(rR3+i), v)
		}
		b = append(load(b, rR0, uint64(c.Nr)), sc...)
	}
	b = load(load(b, rR14, tcb), r12, entry)
	return append(b, arch.Words(insnMtctr|r12<<21, insnBctr)...)
}
