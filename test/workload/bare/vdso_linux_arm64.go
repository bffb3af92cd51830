//go:build linux && arm64

package main

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
