//go:build linux && ppc64le

package main

import "syscall"

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr
func flush(code uintptr)

const ucontextPC = 168 + 64 + 32*8 // uc_mcontext.gp_regs[PT_NIP]

// Names of the vDSO's functions.
const (
	clockName  = "__kernel_clock_gettime"
	dayName    = "__kernel_gettimeofday"
	cpuName    = "__kernel_getcpu"
	timeName   = "__kernel_time"
	randomName = "__kernel_getrandom"
)

// replaceable is the function that is replaced by code which returns 1000.
func replaceable() uintptr { return timeFn }

const returnThousand = 0x4e800020_386003e8 // li r3, 1000; blr

func mapOther(uintptr) { fail("no way to map another vDSO") }

// end has what a handler interrupted, another one at its beginning, be where that makes its last call, in the vDSO, and round as by default. The
// beginning is a call in the vDSO, behind which two instructions come before that.
func end(context uintptr) {
	const gregs, fpscr, room = 168 + 64, 168 + 64 + (48+32)*8, 128 // room: __SIGNAL_FRAMESIZE
	*slot(context + gregs) = syscall.SYS_RT_SIGRETURN
	*slot(context + gregs + 8) += room
	*slot(context + ucontextPC) += 3 * 4
	*slot(context + fpscr) = 0
}
