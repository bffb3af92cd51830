//go:build linux && arm

#include "textflag.h"

// func call(fn, a, b, c, d, e uintptr) int
TEXT ·call(SB), 0, $8192-28
	MOVW fn+0(FP), R9
	MOVW a+4(FP), R0
	MOVW b+8(FP), R1
	MOVW c+12(FP), R2
	MOVW d+16(FP), R3
	BL (R9) // blx: Thumb code by bit 0
	MOVW R0, ret+24(FP)
	RET
