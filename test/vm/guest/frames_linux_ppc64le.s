//go:build linux && ppc64le

#include "textflag.h"

TEXT ·waitInRegister(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $·entered(SB), R3
	MOVWZ (R3), R4
	ADD $1, R4
	MOVW R4, (R3)
	MOVD $·release(SB), R3
wait:
	MOVWZ (R3), R4
	CMPW R4, $0
	BEQ wait
	RET

TEXT ·waitOnStack(SB), NOSPLIT|NOFRAME, $0-0
	MOVD LR, R5
	MOVD R5, 16(R1)
	MOVDU R1, -128(R1)
	BL ·waitInRegister(SB)
	ADD $128, R1
	MOVD 16(R1), R5
	MOVD R5, LR
	RET

DATA ·inRegister(SB)/8, $·waitInRegister(SB)
GLOBL ·inRegister(SB), NOPTR, $8
DATA ·onStack(SB)/8, $·waitOnStack(SB)
GLOBL ·onStack(SB), NOPTR, $8
