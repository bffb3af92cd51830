//go:build linux && ppc64le

#include "textflag.h"

// func vcall(fn, a, b, c, d, e uintptr) uintptr
// Calls a C function (Power ELF V2 ABI): it keeps g. Those of the vDSO say by CR0.SO that they have failed.
TEXT ·vcall(SB), NOSPLIT, $64-56
	MOVD fn+0(FP), R12
	MOVD a+8(FP), R3
	MOVD b+16(FP), R4
	MOVD c+24(FP), R5
	MOVD d+32(FP), R6
	MOVD e+40(FP), R7
	MOVD R12, CTR
	BL (CTR)
	MOVD $0, R0
	BVC done
	NEG R3, R3
done:
	MOVD R3, ret+48(FP)
	RET

// func holder()
// A signal handler by the C convention: the struct ucontext is in R5. What it interrupted may use g and R0 for anything.
TEXT ·holder(SB), NOSPLIT, $64-0
	MOVD $0, R0
	MOVD $·g0(SB), g
	MOVD R5, 32(R1)
	CALL ·hold(SB)
	RET

// func holderAddress() uintptr
TEXT ·holderAddress(SB), NOSPLIT, $0-8
	MOVD $·holder(SB), R3
	MOVD R3, ret+0(FP)
	RET

// func flush(code uintptr)
// Instructions are fetched anew (Power ISA, Book II, 4.3.1): DCBST, ICBI of R3.
TEXT ·flush(SB), NOSPLIT, $0-8
	MOVD code+0(FP), R3
	WORD $0x7c00186c // dcbst 0, r3
	SYNC
	WORD $0x7c001fac // icbi 0, r3
	ISYNC
	RET
