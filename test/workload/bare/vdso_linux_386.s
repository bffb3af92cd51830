//go:build linux && 386

#include "textflag.h"

// func vcall(fn, a, b, c, d, e uintptr) uintptr
// Calls a C function: arguments on the stack, BX, SI, DI and BP are the callee's to keep.
TEXT ·vcall(SB), NOSPLIT, $0-28
	MOVL fn+0(FP), AX
	LEAL a+4(FP), SI
	MOVL SP, BX
	SUBL $32, SP
	ANDL $~15, SP
	MOVL 0(SI), CX
	MOVL CX, 0(SP)
	MOVL 4(SI), CX
	MOVL CX, 4(SP)
	MOVL 8(SI), CX
	MOVL CX, 8(SP)
	MOVL 12(SI), CX
	MOVL CX, 12(SP)
	MOVL 16(SI), CX
	MOVL CX, 16(SP)
	CALL AX
	MOVL BX, SP
	MOVL AX, ret+24(FP)
	RET

// func holder()
// A signal handler by the C convention: struct sigcontext is on the stack behind the signal, or, with SA_SIGINFO, in struct ucontext, whose
// address is the third argument. BX, SI, DI and BP are not its to keep: the kernel does.
TEXT ·holder(SB), NOSPLIT|NOFRAME, $0-0
	LEAL 8(SP), AX
	CMPL ·withInfo(SB), $0
	JEQ call
	MOVL 12(SP), AX
	ADDL $20, AX
call:
	SUBL $8, SP
	MOVL AX, 0(SP)
	CALL ·hold(SB)
	ADDL $8, SP
	RET

// func holderAddress() uintptr
TEXT ·holderAddress(SB), NOSPLIT, $0-4
	LEAL ·holder(SB), AX
	MOVL AX, ret+0(FP)
	RET
