//go:build linux && amd64

#include "textflag.h"

#define SYS_rt_sigreturn	15
#define SYS_clone	56
#define SYS_arch_prctl	158
#define ARCH_SET_FS	0x1002
#define SIGALRM		14

// func start()
// The entry of the program: argc and argv are on the stack (System V ABI, AMD64 supplement, 3.4.1). Compiled Go finds its
// goroutine at FS:-8 and compares the stack pointer with a limit in it, which is 0 in g0.
TEXT ·start(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ SP, BX
	LEAQ ·g0(SB), AX
	MOVQ AX, ·mainTLS+56(SB)
	MOVL $SYS_arch_prctl, AX
	MOVL $ARCH_SET_FS, DI
	LEAQ ·mainTLS+64(SB), SI
	SYSCALL
	SUBQ $32, SP
	ANDQ $~15, SP
	MOVQ (BX), AX
	MOVQ AX, 0(SP)
	LEAQ 8(BX), AX
	MOVQ AX, 8(SP)
	CALL ·run(SB)
	INT $3

// func sys(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·sys(SB), NOSPLIT, $0-64
	MOVQ nr+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	MOVQ c+24(FP), DX
	MOVQ d+32(FP), R10
	MOVQ e+40(FP), R8
	MOVQ f+48(FP), R9
	SYSCALL
	MOVQ AX, ret+56(FP)
	RET

// func thread(flags, stack, tls uintptr) uintptr
// The new thread finds its number at the top of its stack, where the caller put it, as the argument of threadMain.
TEXT ·thread(SB), NOSPLIT, $0-32
	MOVL $SYS_clone, AX
	MOVQ flags+0(FP), DI
	MOVQ stack+8(FP), SI
	XORL DX, DX
	XORL R10, R10
	MOVQ tls+16(FP), R8
	SYSCALL
	TESTQ AX, AX
	JEQ child
	MOVQ AX, ret+24(FP)
	RET
child:
	CALL ·threadMain(SB)
	INT $3

// func tlsWord() uintptr
TEXT ·tlsWord(SB), NOSPLIT, $0-8
	MOVQ 0(FS), AX
	MOVQ AX, ret+0(FP)
	RET

// func handler()
// A signal handler by the C convention: the signal is in DI, the stack's top is the address of restorer.
// SIGALRM is caught to disturb, nothing else.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	CMPL DI, $SIGALRM
	JEQ caught
	MOVL DI, ·signalled(SB)
	MOVL $0, ·nap(SB)
caught:
	RET

// func restorer()
TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVL $SYS_rt_sigreturn, AX
	SYSCALL

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	LEAQ ·handler(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	LEAQ ·restorer(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func onStack(sp uintptr)
TEXT ·onStack(SB), NOSPLIT, $0-8
	MOVQ sp+0(FP), SP
	CALL ·deepLoop(SB)
	INT $3
