//go:build linux && ppc64le

#include "textflag.h"

// func call(fn, a, b, c, d, e uintptr) int
TEXT ·call(SB), 0, $8192-56
	MOVD fn+0(FP), R12
	MOVD a+8(FP), R3
	MOVD b+16(FP), R4
	MOVD c+24(FP), R5
	MOVD d+32(FP), R6
	MOVD e+40(FP), R7
	MOVD R12, CTR
	BL (CTR)
	MOVD $0, R0
	BVC done // CR0.SO, as after a system call
	NEG R3, R3
done:
	MOVD R3, ret+48(FP)
	RET
