//go:build linux && ppc64le

package main

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
