//go:build linux && 386

#include "textflag.h"

// Rounding towards zero in both units, every exception masked (Intel SDM vol. 1, 8.1.5 and 10.2.3).
#define FCW	0x0f7f
#define MXCSR	0x7f80

// func setControl()
TEXT ·setControl(SB), NOSPLIT, $8-0
	MOVL $FCW, 0(SP)
	FLDCW 0(SP)
	MOVL $MXCSR, 0(SP)
	LDMXCSR 0(SP)
	RET

// func keep(size, loops, in, out uintptr) uintptr
TEXT ·keep(SB), NOSPLIT, $8-20
	MOVL in+8(FP), AX
	MOVOU 0(AX), X0
	MOVOU 32(AX), X1
	MOVOU 64(AX), X2
	MOVOU 96(AX), X3
	MOVOU 128(AX), X4
	MOVOU 160(AX), X5
	MOVOU 192(AX), X6
	MOVOU 224(AX), X7
	MOVL loops+4(FP), CX
	MOVL $0x1e3779b9, AX
	MOVL $0x3c6ef372, BX
	MOVL $0x5aa66d2c, DX
	MOVL $0x78dde6e5, SI
	MOVL $0x1715609f, DI
	MOVL $0x354cda58, BP
again:
	DECL CX
	JNE again
	CMPL AX, $0x1e3779b9
	JNE bad
	CMPL BX, $0x3c6ef372
	JNE bad
	CMPL DX, $0x5aa66d2c
	JNE bad
	CMPL SI, $0x78dde6e5
	JNE bad
	CMPL DI, $0x1715609f
	JNE bad
	CMPL BP, $0x354cda58
	JNE bad
	STMXCSR 0(SP)
	MOVL 0(SP), AX
	ANDL $~0x3f, AX // the exceptions seen
	CMPL AX, $MXCSR
	JNE bad
	FSTCW 0(SP)
	MOVW 0(SP), AX
	CMPW AX, $FCW
	JNE bad
	MOVL out+12(FP), AX
	MOVOU X0, 0(AX)
	MOVOU X1, 32(AX)
	MOVOU X2, 64(AX)
	MOVOU X3, 96(AX)
	MOVOU X4, 128(AX)
	MOVOU X5, 160(AX)
	MOVOU X6, 192(AX)
	MOVOU X7, 224(AX)
	MOVL $0, ret+16(FP)
	RET
bad:
	MOVL $1, ret+16(FP)
	RET
