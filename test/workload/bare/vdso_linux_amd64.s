//go:build linux && amd64

#include "textflag.h"

// func vcall(fn, a, b, c, d, e uintptr) uintptr
// Calls a C function (System V ABI, AMD64 supplement, 3.2): the stack on a boundary of 16 bytes, BX is the callee's to keep.
TEXT ·vcall(SB), NOSPLIT, $0-56
	MOVQ fn+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ d+32(FP), CX
	MOVQ e+40(FP), R8
	MOVQ SP, BX
	ANDQ $~15, SP
	CALL AX
	MOVQ BX, SP
	MOVQ AX, ret+48(FP)
	RET

// func holder()
// A signal handler by the C convention: the struct ucontext is in DX.
TEXT ·holder(SB), NOSPLIT|NOFRAME, $0-0
	SUBQ $24, SP
	MOVQ DX, 0(SP)
	CALL ·hold(SB)
	ADDQ $24, SP
	RET

// func holderAddress() uintptr
TEXT ·holderAddress(SB), NOSPLIT, $0-8
	LEAQ ·holder(SB), AX
	MOVQ AX, ret+0(FP)
	RET
