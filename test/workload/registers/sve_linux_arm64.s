//go:build linux && arm64

#include "textflag.h"
#include "vectors_arm64.h"

// func loopSVE(loops uint64, in, out *sve)
TEXT ·loopSVE(SB), NOSPLIT, $0-24
	MOVD in+8(FP), R1
	ADD $8192, R1, R3
	LDRZ_ALL
	LDRP_ALL
	MOVD loops+0(FP), R0
loop:
	SUB $1, R0
	CBNZ R0, loop
	MOVD out+16(FP), R1
	ADD $8192, R1, R3
	STRZ_ALL
	STRP_ALL
	RET
