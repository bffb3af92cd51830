//go:build linux && 386

package main

import "syscall"

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr

const ucontextPC = 14 * 4 // of struct sigcontext_32, ip: it is what a handler without SA_SIGINFO finds behind its signal

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

func mapOther(uintptr) { fail("no way to map another vDSO") }

// end has what a handler interrupted, another one at its beginning, be where that makes its last call, in the vDSO.
func end(context uintptr) {
	const esp, eax, pop, mov = 7 * 4, 11 * 4, 1, 5 // registers in struct sigcontext_32; instructions
	sp := giant(context + esp)
	pc, nr := giant(sp)+mov, uintptr(syscall.SYS_RT_SIGRETURN)
	sp += wordBytes
	if withInfo == 0 { // which takes off the signal, too
		pc, nr = pc+pop, syscall.SYS_SIGRETURN
		sp += wordBytes
	}
	*slot(context + eax) = nr
	*slot(context + ucontextPC) = pc
	*slot(context + esp) = sp
}
