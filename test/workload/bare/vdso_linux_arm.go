//go:build linux && arm

package main

import "syscall"

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr

const ucontextPC = 20 + (3+15)*4 // uc_mcontext.arm_pc

// Names of the vDSO's functions; "" is one that it does not have.
const (
	clockName  = "__vdso_clock_gettime"
	dayName    = "__vdso_gettimeofday"
	cpuName    = ""
	timeName   = ""
	randomName = ""
)

// replaceable is the function that is replaced by code which returns 1000.
func replaceable() uintptr { return lookUp("__vdso_clock_getres") }

const returnThousand = 0xe12fff1e_e30003e8 // movw r0, #1000; bx lr

// flush has instructions fetched anew (arch/arm/include/uapi/asm/unistd.h).
func flush(code uintptr) {
	const cacheflush = 0xf0002
	must(sys(cacheflush, code, code+8, 0, 0, 0, 0), "cacheflush")
}

func mapOther(uintptr) { fail("no way to map another vDSO") }

// end has what a handler interrupted, another one at its beginning, be where that makes its last call, in [sigpage].
func end(context uintptr) {
	const regs, r7, lr, mov = 20 + 3*4, 7 * 4, 14 * 4, 4 // in struct ucontext; the size of an instruction
	nr := uintptr(syscall.SYS_SIGRETURN)
	if withInfo != 0 {
		nr = syscall.SYS_RT_SIGRETURN
	}
	*slot(context + regs + r7) = nr
	*slot(context + ucontextPC) = giant(context+regs+lr) + mov
}
