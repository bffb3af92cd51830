//go:build linux && arm64

#include "textflag.h"

// func vcall(fn, a, b, c, d, e uintptr) uintptr
// Calls a C function (AAPCS64): it keeps g.
TEXT ·vcall(SB), NOSPLIT, $16-56
	MOVD fn+0(FP), R9
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD c+24(FP), R2
	MOVD d+32(FP), R3
	MOVD e+40(FP), R4
	CALL (R9)
	MOVD R0, ret+48(FP)
	RET

// func holder()
// A signal handler by the C convention: the struct ucontext is in R2. What it interrupted may use g for anything.
TEXT ·holder(SB), NOSPLIT, $32-0
	MOVD $·g0(SB), g
	MOVD R2, 8(RSP)
	CALL ·hold(SB)
	RET

// func holderAddress() uintptr
TEXT ·holderAddress(SB), NOSPLIT, $0-8
	MOVD $·holder(SB), R0
	MOVD R0, ret+0(FP)
	RET

// func flush(code uintptr)
// Instructions are fetched anew: DC CVAU, IC IVAU (Arm ARM, C5.3 and C5.5).
TEXT ·flush(SB), NOSPLIT, $0-8
	MOVD code+0(FP), R0
	WORD $0xd50b7b20 // dc cvau, x0
	DSB $11
	WORD $0xd50b7520 // ic ivau, x0
	DSB $11
	ISB $15
	RET
