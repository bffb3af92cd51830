//go:build linux && arm

#include "textflag.h"

#define SYS_sigreturn	119
#define SYS_clone	120
#define SIGALRM		14

// Instructions that the assembler does not know (Arm ARM v7, B6.1): MRC of TPIDRURO to R0.
#define MRC_TPIDRURO_R0	WORD $0xee1d0f70

// func start()
// The entry of the program: argc and argv are on the stack. Compiled Go has its goroutine in g and compares the stack pointer with a
// limit in it, which is 0 in g0.
TEXT ·start(SB), NOSPLIT|NOFRAME, $0-0
	MOVW $·g0(SB), g
	MOVW (R13), R0
	ADD $4, R13, R1
	SUB $32, R13, R2
	BIC $7, R2, R2
	MOVW R2, R13
	MOVW R0, 4(R13)
	MOVW R1, 8(R13)
	BL ·run(SB)
	UNDEF

// func sys(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·sys(SB), NOSPLIT, $0-32
	MOVW nr+0(FP), R7
	MOVW a+4(FP), R0
	MOVW b+8(FP), R1
	MOVW c+12(FP), R2
	MOVW d+16(FP), R3
	MOVW e+20(FP), R4
	MOVW f+24(FP), R5
	SWI $0
	MOVW R0, ret+28(FP)
	RET

// func thread(flags, stack, tls uintptr) uintptr
// The new thread finds its number at the top of its stack, where the caller put it.
TEXT ·thread(SB), NOSPLIT, $0-16
	MOVW $SYS_clone, R7
	MOVW flags+0(FP), R0
	MOVW stack+4(FP), R1
	MOVW $0, R2
	MOVW tls+8(FP), R3
	MOVW $0, R4
	SWI $0
	CMP $0, R0
	BEQ child
	MOVW R0, ret+12(FP)
	RET
child:
	MOVW R13, R1
	MOVW (R1), R0
	SUB $32, R1
	MOVW R1, R13
	MOVW R0, 4(R13)
	BL ·threadMain(SB)
	UNDEF

// func tlsWord() uintptr
TEXT ·tlsWord(SB), NOSPLIT, $0-4
	MRC_TPIDRURO_R0
	MOVW (R0), R0
	MOVW R0, ret+0(FP)
	RET

// func handler()
// A signal handler by the C convention: the signal is in R0. SIGALRM is caught to disturb, nothing else.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	CMP $SIGALRM, R0
	BEQ caught
	MOVW $·signalled(SB), R1
	MOVW R0, (R1)
	MOVW $0, R0
	MOVW $·nap(SB), R1
	MOVW R0, (R1)
caught:
	RET

// func restorer()
// The frame of a handler without SA_SIGINFO is that of sigreturn.
TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVW $SYS_sigreturn, R7
	SWI $0

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-4
	MOVW $·handler(SB), R0
	MOVW R0, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-4
	MOVW $·restorer(SB), R0
	MOVW R0, ret+0(FP)
	RET

// func onStack(sp uintptr)
TEXT ·onStack(SB), NOSPLIT, $0-4
	MOVW sp+0(FP), R0
	BIC $7, R0, R0
	MOVW R0, R13
	BL ·deepLoop(SB)
	UNDEF
