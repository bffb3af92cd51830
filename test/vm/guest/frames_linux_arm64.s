//go:build linux && arm64

#include "textflag.h"

TEXT ·waitInRegister(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $·entered(SB), R0
	MOVWU (R0), R1
	ADD $1, R1
	MOVW R1, (R0)
	MOVD $·release(SB), R0
wait:
	MOVWU (R0), R1
	CBZ R1, wait
	RET

TEXT ·waitOnStack(SB), NOSPLIT|NOFRAME, $0-0
	SUB $16, RSP
	MOVD R30, (RSP)
	BL ·waitInRegister(SB)
	MOVD (RSP), R30
	ADD $16, RSP
	RET

DATA ·inRegister(SB)/8, $·waitInRegister(SB)
GLOBL ·inRegister(SB), NOPTR, $8
DATA ·onStack(SB)/8, $·waitOnStack(SB)
GLOBL ·onStack(SB), NOPTR, $8
