//go:build linux && 386

#include "textflag.h"

#define SYS_sigreturn	119
#define SYS_clone	120
#define SYS_set_thread_area	243
#define SIGALRM		14

// func start()
// The entry of the program: argc and argv are on the stack (System V ABI, Intel386 supplement). Compiled Go finds its goroutine 4 below
// the address at GS:0 and compares the stack pointer with a limit in it, which is 0 in g0.
TEXT ·start(SB), NOSPLIT|NOFRAME, $0-0
	MOVL SP, SI
	LEAL ·g0(SB), AX
	MOVL AX, ·mainTLS+60(SB)
	LEAL ·mainTLS+64(SB), AX
	MOVL AX, ·mainTLS+64(SB)
	MOVL AX, ·mainDesc+4(SB)
	LEAL ·mainDesc(SB), BX
	MOVL $SYS_set_thread_area, AX
	INT $0x80
	MOVL ·mainDesc(SB), AX
	LEAL 3(AX*8), AX
	MOVW AX, GS
	SUBL $16, SP
	ANDL $~15, SP
	MOVL (SI), AX
	MOVL AX, 0(SP)
	LEAL 4(SI), AX
	MOVL AX, 4(SP)
	CALL ·run(SB)
	INT $3

// func sys(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·sys(SB), NOSPLIT, $4-32
	MOVL ·vsyscall(SB), AX
	MOVL AX, 0(SP)
	MOVL nr+0(FP), AX
	MOVL a+4(FP), BX
	MOVL b+8(FP), CX
	MOVL c+12(FP), DX
	MOVL d+16(FP), SI
	MOVL e+20(FP), DI
	MOVL f+24(FP), BP
	CMPL 0(SP), $0
	JEQ plain
	CALL 0(SP)
	MOVL AX, ret+28(FP)
	RET
plain:
	INT $0x80
	MOVL AX, ret+28(FP)
	RET

// func thread(flags, stack, tls uintptr) uintptr
// The new thread finds its number at the top of its stack, where the caller put it, as the argument of threadMain.
TEXT ·thread(SB), NOSPLIT, $0-16
	MOVL ·mainDesc+0(SB), AX
	MOVL AX, ·threadDesc+0(SB)
	MOVL tls+8(FP), AX
	MOVL AX, ·threadDesc+4(SB)
	MOVL ·mainDesc+8(SB), AX
	MOVL AX, ·threadDesc+8(SB)
	MOVL ·mainDesc+12(SB), AX
	MOVL AX, ·threadDesc+12(SB)
	MOVL $SYS_clone, AX
	MOVL flags+0(FP), BX
	MOVL stack+4(FP), CX
	XORL DX, DX
	LEAL ·threadDesc(SB), SI
	XORL DI, DI
	INT $0x80
	TESTL AX, AX
	JEQ child
	MOVL AX, ret+12(FP)
	RET
child:
	CALL ·threadMain(SB)
	INT $3

// func tlsWord() uintptr
TEXT ·tlsWord(SB), NOSPLIT, $0-4
	MOVL 4(GS), AX
	MOVL AX, ret+0(FP)
	RET

// func handler()
// A signal handler by the C convention: the signal is on the stack, above the address of restorer. SIGALRM is caught to disturb, nothing
// else.
TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	MOVL 4(SP), AX
	CMPL AX, $SIGALRM
	JEQ caught
	MOVL AX, ·signalled(SB)
	MOVL $0, ·nap(SB)
caught:
	RET

// func restorer()
// The frame of a handler without SA_SIGINFO is that of sigreturn, which wants its signal taken off.
TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	POPL AX
	MOVL $SYS_sigreturn, AX
	INT $0x80

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-4
	LEAL ·handler(SB), AX
	MOVL AX, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-4
	LEAL ·restorer(SB), AX
	MOVL AX, ret+0(FP)
	RET

// func onStack(sp uintptr)
TEXT ·onStack(SB), NOSPLIT, $0-4
	MOVL sp+0(FP), SP
	CALL ·deepLoop(SB)
	INT $3
