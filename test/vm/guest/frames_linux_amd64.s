//go:build linux && amd64

#include "textflag.h"

TEXT ·waitInRegister(SB), NOSPLIT|NOFRAME, $0-0
	LOCK
	INCL ·entered(SB)
wait:
	CMPL ·release(SB), $0
	JEQ wait
	RET

DATA ·inRegister(SB)/8, $·waitInRegister(SB)
GLOBL ·inRegister(SB), NOPTR, $8
DATA ·onStack(SB)/8, $·waitInRegister(SB)
GLOBL ·onStack(SB), NOPTR, $8
