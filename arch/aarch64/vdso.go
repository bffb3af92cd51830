package aarch64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Instructions (Arm ARM, C6.2).
const (
	insnBtiC    = 0xd503245f
	insnB       = 0x14000000 // b: imm26 words from the instruction
	insnLdr16   = 0x58000050 // ldr x16, 8 bytes from the instruction
	insnCmnX4   = 0xb100049f // cmn x4, #1
	insnBeq     = 0x54000000 // b.eq: imm19 words at bit 5
	insnEnosys  = 0x928004a0 // movn x0, #37
	branchBytes = 1 << 27    // b gets that far back, and a word less forth
)

// vdso writes code for arm64. The functions of the vDSO are called by the procedure call standard, whose first arguments are in the
// registers of a system call; x8, x16 and x17 are the callee's. Each begins with a landing pad: kernels built with
// CONFIG_ARM64_BTI_KERNEL map their vDSO with PROT_BTI, and where it is not, that is a hint which does nothing. Caches: a page that is
// written while it cannot be executed is made coherent when it becomes executable (arch/arm64/mm/flush.c, __sync_icache_dcache).
var vdso = arch.VDSO{
	Reach:      branchBytes - 2*wordBytes,
	Near:       near,
	Far:        far,
	Call:       call,
	CallRandom: callRandom,
	Signature:  0xffff << 48,
	GoCalls:    map[string]bool{"getrandom": true},
	GoG:        28 * 8, // R28
	SystemCalls: map[string]arch.Call{
		"clock_gettime": arch.SysClockGettime,
		"clock_getres":  arch.SysClockGetres,
		"gettimeofday":  arch.SysGettimeofday,
		"getrandom":     arch.SysGetrandom,
	},
}

const wordBytes = 4

// near is bti c; b target.
func near(at, target uint64) []byte {
	rel := int64(target - (at + wordBytes))
	if rel < -branchBytes || rel >= branchBytes {
		return nil
	}
	return arch.Words(insnBtiC, insnB|uint32(rel/wordBytes)&(1<<26-1))
}

// far is bti c; ldr x16, target; br x16. A branch by x16 may land on bti c, and on paciasp.
func far(_, target uint64) []byte {
	return binary.LittleEndian.AppendUint64(arch.Words(insnBtiC, insnLdr16, insnBr16), target)
}

// call is bti c; mov x8, nr; svc; ret.
func call(_ uint64, nr int) []byte {
	return arch.Words(insnBtiC, insnMovz|uint32(nr)<<5|8, insnSvc, insnRet)
}

// callRandom looks at the fifth argument, opaque_len: bti c; cmn x4, #1; b.eq out; the call; out: mov x0, -ENOSYS; ret.
func callRandom(_ uint64, nr int) []byte {
	return arch.Words(insnBtiC, insnCmnX4, insnBeq|4<<5, insnMovz|uint32(nr)<<5|8, insnSvc, insnRet, insnEnosys, insnRet)
}
