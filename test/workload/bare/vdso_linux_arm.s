//go:build linux && arm

#include "textflag.h"

// func vcall(fn, a, b, c, d, e uintptr) uintptr
// Calls a C function (AAPCS32), of Thumb code, too: the fifth argument is on the stack, R4 to R11 are the callee's to keep.
TEXT ·vcall(SB), NOSPLIT, $4-28
	MOVW fn+0(FP), R5
	MOVW a+4(FP), R0
	MOVW b+8(FP), R1
	MOVW c+12(FP), R2
	MOVW d+16(FP), R3
	MOVW e+20(FP), R6
	MOVW R13, R4
	SUB $16, R13, R7
	BIC $7, R7, R7
	MOVW R7, R13
	MOVW R6, (R13)
	BL (R5)
	MOVW R4, R13
	MOVW R0, ret+24(FP)
	RET

// func holder()
// A signal handler by the C convention: the struct ucontext is where the stack pointer is, or, with SA_SIGINFO, in R2. What it interrupted
// may use g for anything.
TEXT ·holder(SB), NOSPLIT|NOFRAME, $0-0
	MOVW R13, R0
	MOVW ·withInfo(SB), R1
	CMP $0, R1
	MOVW.NE R2, R0
	MOVW $·g0(SB), g
	MOVW.W R14, -16(R13)
	MOVW R0, 4(R13)
	BL ·hold(SB)
	MOVW.P 16(R13), R15

// func holderAddress() uintptr
TEXT ·holderAddress(SB), NOSPLIT, $0-4
	MOVW $·holder(SB), R0
	MOVW R0, ret+0(FP)
	RET
