//go:build linux && arm

package main

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
