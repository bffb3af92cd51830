//go:build linux && arm64

#include "textflag.h"

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD $handler<>(SB), R0
	MOVD R0, ret+0(FP)
	RET

TEXT handler<>(SB), NOSPLIT|NOFRAME, $0
	MOVD $·inside(SB), R0
	MOVW $1, R1
	STLRW R1, (R0)
	MOVD $·release(SB), R0
wait:
	YIELD
	LDARW (R0), R1
	CBZW R1, wait
	STLRW ZR, (R0)
	RET
