//go:build linux && arm64

package main

import "syscall"

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr
func flush(code uintptr)

const ucontextPC = 176 + 8 + 31*8 + 8 // uc_mcontext.pc

// Names of the vDSO's functions; "" is one that it does not have.
const (
	clockName  = "__kernel_clock_gettime"
	dayName    = "__kernel_gettimeofday"
	cpuName    = ""
	timeName   = ""
	randomName = "__kernel_getrandom"
)

// replaceable is the function that is replaced by code which returns 1000.
func replaceable() uintptr { return lookUp("__kernel_clock_getres") }

const returnThousand = 0xd65f03c0_52807d00 // movz w0, #1000; ret

func mapOther(uintptr) { fail("no way to map another vDSO") }

// end has what a handler interrupted, another one at its beginning, be where that makes its last call, in the vDSO, and round as by default.
func end(context uintptr) {
	const regs, x8, lr, mov = 176 + 8, 8 * 8, 30 * 8, 4 // in struct ucontext; the size of an instruction
	const fpsr = 176 + 288 + 8                          // and FPCR: struct fpsimd_context is first in what is reserved
	*slot(context + regs + x8) = syscall.SYS_RT_SIGRETURN
	*slot(context + ucontextPC) = *slot(context + regs + lr) + mov
	*slot(context + fpsr) = 0
}
