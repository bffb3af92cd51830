//go:build linux && amd64

package main

import "syscall"

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr

const ucontextPC = 40 + 16*8 // uc_mcontext.gregs[REG_RIP]

// Names of the vDSO's functions.
const (
	clockName  = "__vdso_clock_gettime"
	dayName    = "__vdso_gettimeofday"
	cpuName    = "__vdso_getcpu"
	timeName   = "__vdso_time"
	randomName = "__vdso_getrandom"
)

// replaceable is the function that is replaced by code which returns 1000.
func replaceable() uintptr { return timeFn }

const returnThousand = 0xc3_000003e8_b8 // mov eax, 1000; ret

// flush has nothing to do on this processor.
func flush(uintptr) {}

// mapOther maps the vDSO of 32-bit tasks.
func mapOther(at uintptr) {
	const archMapVDSO32 = 0x2002
	if r := int(sys(syscall.SYS_ARCH_PRCTL, archMapVDSO32, at, 0, 0, 0, 0)); r <= 0 {
		fail("arch_prctl")
	}
}

// end has what a handler interrupted, another one at its beginning, be where that makes its last call, in restorer.
func end(context uintptr) {
	const gregs, rax, rsp, mov = 40, 13, 15, 5 // the size of restorer's first instruction
	sp := context + gregs + 8*rsp
	*slot(context + gregs + 8*rax) = syscall.SYS_RT_SIGRETURN
	*slot(context + ucontextPC) = giant(giant(sp)) + mov
	*slot(sp) += 8
}
