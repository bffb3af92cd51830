//go:build linux && amd64

#include "textflag.h"

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	LEAQ handler<>(SB), AX
	MOVQ AX, ret+0(FP)
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

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	LEAQ restorer<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

TEXT restorer<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ $15, AX // rt_sigreturn
	SYSCALL
	INT $3
