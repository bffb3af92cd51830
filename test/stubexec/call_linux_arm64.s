//go:build linux && arm64

#include "textflag.h"

// func call(fn, a, b, c, d, e uintptr) int
TEXT ·call(SB), 0, $8192-56
	MOVD fn+0(FP), R9
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD c+24(FP), R2
	MOVD d+32(FP), R3
	MOVD e+40(FP), R4
	BL (R9)
	MOVD R0, ret+48(FP)
	RET
