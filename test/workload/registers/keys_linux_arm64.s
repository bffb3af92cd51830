//go:build linux && arm64

#include "textflag.h"

// func sign(pointer, modifier uint64, signed *[5]uint64)
// Instructions that the assembler does not know (Arm ARM, C6.2): PACIA, PACIB, PACDA, PACDB X3, X1; PACGA X3, X0, X1.
TEXT ·sign(SB), NOSPLIT, $0-24
	MOVD pointer+0(FP), R0
	MOVD modifier+8(FP), R1
	MOVD signed+16(FP), R2
	MOVD R0, R3
	WORD $0xdac10023
	MOVD R3, (R2)
	MOVD R0, R3
	WORD $0xdac10423
	MOVD R3, 8(R2)
	MOVD R0, R3
	WORD $0xdac10823
	MOVD R3, 16(R2)
	MOVD R0, R3
	WORD $0xdac10c23
	MOVD R3, 24(R2)
	WORD $0x9ac13003
	MOVD R3, 32(R2)
	RET
