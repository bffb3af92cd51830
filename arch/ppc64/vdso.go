package ppc64

import "woodfrog/arch"

// Instructions (Power ISA, book I).
const (
	insnB       = 0x48000000 // b: a multiple of 4 from the instruction
	insnCmpR7   = 0x2c27ffff // cmpdi r7, -1
	insnBeq     = 0x41820000 // beq: a multiple of 4 from the instruction
	insnEnosys  = insnLi | 3<<21 | 38
	insnSetSO   = 0x4c631a42 // crset 4*cr0+so: creqv 3, 3, 3
	branchBytes = 1 << 25    // b gets that far back, and a word less forth
	r12         = 12
)

// vdso writes code for ppc64le. The functions of the vDSO return as system calls do: a positive errno and CR0.SO on failure
// (arch/powerpc/kernel/vdso/gettimeofday.S). They are assembly without a TOC; r12 holds the target's address in the far form, as at a
// global entry point. Caches: processors of today keep instructions coherent with what was written before a return from the kernel, and the
// kernel does it for others when a page becomes executable (arch/powerpc/mm/pgtable.c, set_pte_filter).
var vdso = arch.VDSO{
	Reach:      branchBytes - 4,
	Near:       near,
	Far:        far,
	Call:       call,
	CallRandom: callRandom,
	GoCalls:    map[string]bool{"getrandom": true},
	GoG:        30 * 8, // R30
	Returns:    true,   // else by code on the stack, which cannot be executed (arch/powerpc/kernel/signal_64.c, handle_rt_signal64)
	SystemCalls: map[string]arch.Call{
		"clock_gettime": arch.SysClockGettime,
		"clock_getres":  arch.SysClockGetres,
		"gettimeofday":  arch.SysGettimeofday,
		"time":          arch.SysTime,
		"getcpu":        arch.SysGetcpu,
		"getrandom":     arch.SysGetrandom,
	},
}

// near is b target.
func near(at, target uint64) []byte {
	rel := int64(target - at)
	if rel < -branchBytes || rel >= branchBytes {
		return nil
	}
	return arch.Words(insnB | uint32(rel)&(2*branchBytes-1))
}

// far loads r12 and goes there by the count register.
func far(_, target uint64) []byte {
	return append(load(nil, r12, target), arch.Words(insnMtctr|r12<<21, insnBctr)...)
}

// call is li r0, nr; sc; blr.
func call(_ uint64, nr int) []byte { return arch.Words(insnLi|uint32(nr), insnSc, insnBlr) }

// callRandom looks at the fifth argument, opaque_len: cmpdi r7, -1; beq out; the call; out: li r3, ENOSYS; crset so; blr.
func callRandom(at uint64, nr int) []byte {
	b := append(arch.Words(insnCmpR7, insnBeq|16), call(at, nr)...)
	return append(b, arch.Words(insnEnosys, insnSetSO, insnBlr)...)
}
