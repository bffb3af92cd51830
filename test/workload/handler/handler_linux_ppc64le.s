//go:build linux && ppc64le

#include "textflag.h"

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD $handler<>(SB), R3
	MOVD R3, ret+0(FP)
	RET

// It is called by the kernel: R0 is not zero as Go's code has it.
TEXT handler<>(SB), NOSPLIT|NOFRAME, $0
	MOVD $·inside(SB), R3
	MOVD $1, R4
	MOVW R4, (R3)
	SYNC
	MOVD $·release(SB), R3
wait:
	MOVWZ (R3), R4
	CMPW R4, $0
	BEQ wait
	MOVD $0, R4
	MOVW R4, (R3)
	SYNC
	RET
