//go:build linux && ppc64le

#include "textflag.h"

#define SYS_clone	120
#define SYS_rt_sigreturn	172
#define SIGALRM		14

// func start()
// The entry of the program: argc and argv are on the stack. Compiled Go has its goroutine in g, 0 in R0, and compares the stack pointer
// with a limit in g0, which is 0.
TEXT ·start(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $0, R0
	MOVD $·g0(SB), g
	MOVD R1, R14
	MOVD 0(R14), R3
	ADD $8, R14, R4
	ADD $-64, R1
	MOVD R3, 32(R1)
	MOVD R4, 40(R1)
	CALL ·run(SB)
	UNDEF

// func sys(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·sys(SB), NOSPLIT, $0-64
	MOVD a+8(FP), R3
	MOVD b+16(FP), R4
	MOVD c+24(FP), R5
	MOVD d+32(FP), R6
	MOVD e+40(FP), R7
	MOVD f+48(FP), R8
	MOVD nr+0(FP), R9
	SYSCALL R9
	MOVD $0, R0
	BVC done // CR0.SO: a failure
	NEG R3, R3
done:
	MOVD R3, ret+56(FP)
	RET

// func thread(flags, stack, tls uintptr) uintptr
// The new thread finds its number at the top of its stack, where the caller put it.
TEXT ·thread(SB), NOSPLIT, $0-32
	MOVD flags+0(FP), R3
	MOVD stack+8(FP), R4
	MOVD $0, R5
	MOVD tls+16(FP), R6
	MOVD $0, R7
	MOVD $SYS_clone, R9
	SYSCALL R9
	MOVD $0, R0
	BVC made
	NEG R3, R3
made:
	CMP R3, $0
	BEQ child
	MOVD R3, ret+24(FP)
	RET
child:
	MOVD $·g0(SB), g
	MOVD 0(R1), R3
	ADD $-64, R1
	MOVD R3, 32(R1)
	CALL ·threadMain(SB)
	UNDEF

// func tlsWord() uintptr
TEXT ·tlsWord(SB), NOSPLIT, $0-8
	MOVD 0(R13), R3
	MOVD R3, ret+0(FP)
	RET

// func handler()
// A signal handler by the C convention: the signal is in R3. SIGALRM is caught to disturb, nothing else.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	CMPW R3, $SIGALRM
	BEQ caught
	MOVD $·signalled(SB), R4
	MOVW R3, (R4)
	MOVD $·nap(SB), R4
	MOVD $0, R3
	MOVW R3, (R4)
caught:
	RET

// func restorer()
TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $SYS_rt_sigreturn, R9
	SYSCALL R9
	UNDEF

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD $·handler(SB), R3
	MOVD R3, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	MOVD $·restorer(SB), R3
	MOVD R3, ret+0(FP)
	RET

// func onStack(sp uintptr)
TEXT ·onStack(SB), NOSPLIT|NOFRAME, $0-8
	MOVD sp+0(FP), R3
	RLDICR $0, R3, $59, R3 // on a boundary of 16 bytes
	ADD $-64, R3
	MOVD R3, R1
	CALL ·deepLoop(SB)
	UNDEF
