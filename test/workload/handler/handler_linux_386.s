//go:build linux && 386

#include "textflag.h"

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-4
	LEAL handler<>(SB), AX
	MOVL AX, ret+0(FP)
	RET

TEXT handler<>(SB), NOSPLIT|NOFRAME, $0
	MOVL $1, ·inside(SB)
wait:
	PAUSE
	MOVL $0, AX
	XCHGL AX, ·release(SB)
	TESTL AX, AX
	JZ wait
	RET
