//go:build linux && arm

#include "textflag.h"

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-4
	MOVW $handler<>(SB), R0
	MOVW R0, ret+0(FP)
	RET

TEXT handler<>(SB), NOSPLIT|NOFRAME, $0
	MOVW $·inside(SB), R0
	MOVW $1, R1
	MOVW R1, (R0)
	MOVW $·release(SB), R0
wait:
	MOVW (R0), R1
	CMP $0, R1
	BEQ wait
	MOVW $0, R1
	MOVW R1, (R0)
	RET
