//go:build linux && 386

#include "textflag.h"

// func call(fn, a, b, c, d, e uintptr) int
TEXT ·call(SB), 0, $8192-28
	MOVL a+4(FP), AX
	MOVL AX, 0(SP)
	MOVL b+8(FP), AX
	MOVL AX, 4(SP)
	MOVL c+12(FP), AX
	MOVL AX, 8(SP)
	MOVL d+16(FP), AX
	MOVL AX, 12(SP)
	MOVL e+20(FP), AX
	MOVL AX, 16(SP)
	MOVL fn+0(FP), AX
	CALL AX
	MOVL AX, ret+24(FP)
	RET
