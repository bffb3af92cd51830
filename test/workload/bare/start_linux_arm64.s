//go:build linux && arm64

#include "textflag.h"

#define SYS_rt_sigreturn	139
#define SYS_clone	220
#define SIGALRM		14

// Instructions that the assembler does not know (Arm ARM, C6.2): MRS of TPIDR_EL0 and X0.
#define MRS_TPIDR_R0	WORD $0xd53bd040

// func start()
// The entry of the program: argc and argv are on the stack. Compiled Go has its goroutine in g and compares the stack pointer with a
// limit in it, which is 0 in g0.
TEXT ·start(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $·g0(SB), g
	MOVD RSP, R19
	MOVD (R19), R0
	ADD $8, R19, R1
	SUB $32, RSP
	MOVD R0, 8(RSP)
	MOVD R1, 16(RSP)
	CALL ·run(SB)
	BRK

// func sys(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·sys(SB), NOSPLIT, $0-64
	MOVD nr+0(FP), R8
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD c+24(FP), R2
	MOVD d+32(FP), R3
	MOVD e+40(FP), R4
	MOVD f+48(FP), R5
	SVC
	MOVD R0, ret+56(FP)
	RET

// func thread(flags, stack, tls uintptr) uintptr
// The new thread finds its number at the top of its stack, where the caller put it.
TEXT ·thread(SB), NOSPLIT, $0-32
	MOVD $SYS_clone, R8
	MOVD flags+0(FP), R0
	MOVD stack+8(FP), R1
	MOVD $0, R2
	MOVD tls+16(FP), R3
	MOVD $0, R4
	SVC
	CBZ R0, child
	MOVD R0, ret+24(FP)
	RET
child:
	MOVD RSP, R0
	MOVD (R0), R0
	SUB $32, RSP
	MOVD R0, 8(RSP)
	CALL ·threadMain(SB)
	BRK

// func tlsWord() uintptr
TEXT ·tlsWord(SB), NOSPLIT, $0-8
	MRS_TPIDR_R0
	MOVD (R0), R0
	MOVD R0, ret+0(FP)
	RET

// func handler()
// A signal handler by the C convention: the signal is in R0. SIGALRM is caught to disturb, nothing else.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	CMP $SIGALRM, R0
	BEQ caught
	MOVW R0, ·signalled(SB)
	MOVW ZR, ·nap(SB)
caught:
	RET

// func restorer()
TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $SYS_rt_sigreturn, R8
	SVC

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD $·handler(SB), R0
	MOVD R0, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	MOVD $·restorer(SB), R0
	MOVD R0, ret+0(FP)
	RET

// func onStack(sp uintptr)
TEXT ·onStack(SB), NOSPLIT|NOFRAME, $0-8
	MOVD sp+0(FP), R0
	AND $~15, R0
	MOVD R0, RSP
	CALL ·deepLoop(SB)
	BRK
