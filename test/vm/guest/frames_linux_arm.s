//go:build linux && arm

#include "textflag.h"

TEXT ·waitInRegister(SB), NOSPLIT|NOFRAME, $0-0
	MOVW $·entered(SB), R0
	MOVW (R0), R1
	ADD $1, R1
	MOVW R1, (R0)
	MOVW $·release(SB), R0
wait:
	MOVW (R0), R1
	CMP $0, R1
	BEQ wait
	B (R14)

TEXT ·waitOnStack(SB), NOSPLIT|NOFRAME, $0-0
	SUB $8, R13
	MOVW R14, 0(R13)
	BL ·waitInRegister(SB)
	MOVW 0(R13), R14
	ADD $8, R13
	B (R14)

DATA ·inRegister(SB)/4, $·waitInRegister(SB)
GLOBL ·inRegister(SB), NOPTR, $4
DATA ·onStack(SB)/4, $·waitOnStack(SB)
GLOBL ·onStack(SB), NOPTR, $4
