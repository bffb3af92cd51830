//go:build linux && 386

#include "textflag.h"

// The stub of i386 tasks: see arch/x86/stub_amd64.s for what it does; words are the low halves of the layout's. A call of six
// arguments takes all registers but the stack pointer, so that holds the operation; the thread block's address is in the
// operation too, in the high half of argument 0. Signals are blocked, so nothing is ever pushed. int $0x80 keeps all
// registers but AX (arch/x86/entry/entry_64_compat.S).

#define TCB_STATE	0
#define TCB_PROG	8
#define TCB_FAILED	16
#define TCB_ENGINE	24
#define TCB_FRAME	32
#define TCB_WILL	40
#define TCB_PATIENCE	48

#define OP_NR		0
#define OP_FLAGS	4
#define OP_ARG0		8
#define OP_ARG1		16
#define OP_ARG2		24
#define OP_ARG3		32
#define OP_ARG4		40
#define OP_ARG5		48
#define OP_RESULT	56
#define OP_AUX		64
#define OP_SIZE		72

#define F_END		0x100
#define F_WAIT		0x200
#define F_ADD		0x400
#define F_SPECIAL	0x700
#define F_CLONE		0x800
#define F_IGNORE	0x1000
#define F_EXPECT	0x2000

#define FUTEX_OWNER_DIED	0x40000000

#define OP_TCB		12

#define SYS_futex	240
#define SYS_exit_group	252
#define SYS_rt_sigreturn	173

// func stub()
// Entered with the thread block in AX.
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
run:
	MOVL TCB_PROG(AX), SP
next:
	MOVL OP_FLAGS(SP), AX
	MOVL OP_ARG0(SP), BX
	TESTL $1, AX
	JEQ arg1
	MOVL (BX), BX
arg1:
	MOVL OP_ARG1(SP), CX
	TESTL $2, AX
	JEQ arg2
	MOVL (CX), CX
arg2:
	MOVL OP_ARG2(SP), DX
	TESTL $4, AX
	JEQ arg3
	MOVL (DX), DX
arg3:
	MOVL OP_ARG3(SP), SI
	TESTL $8, AX
	JEQ arg4
	MOVL (SI), SI
arg4:
	MOVL OP_ARG4(SP), DI
	TESTL $16, AX
	JEQ arg5
	MOVL (DI), DI
arg5:
	MOVL OP_ARG5(SP), BP
	TESTL $32, AX
	JEQ arg6
	MOVL (BP), BP
arg6:
	TESTL $F_SPECIAL, AX
	JNE special

	MOVL OP_NR(SP), AX
	INT $0x80
	MOVL OP_FLAGS(SP), BX
	TESTL $F_CLONE, BX
	JEQ result
	TESTL AX, AX
	JNE result
	MOVL OP_AUX(SP), AX // the child: its own thread block
	JMP run
result:
	MOVL AX, OP_RESULT(SP)
	CDQ
	MOVL DX, (OP_RESULT+4)(SP)
	TESTL $F_IGNORE, BX
	JNE advance
	TESTL $F_EXPECT, BX
	JEQ errno
	CMPL AX, OP_AUX(SP)
	JEQ advance
	JMP fail
errno:
	CMPL AX, $-4095
	JCC fail
advance:
	LEAL OP_SIZE(SP), SP
	JMP next

special:
	TESTL $F_WAIT, AX
	JNE wait
	TESTL $F_ADD, AX
	JEQ end
	LOCK
	XADDL CX, (BX)
	JMP advance

wait: // until the word at arg0 is arg2, or the engine is dead: then who should change the word may be dead as well
	MOVL (BX), AX
	CMPL AX, DX
	JEQ advance
	MOVL OP_TCB(SP), SI
	MOVL TCB_ENGINE(SI), BP
	MOVL (BP), CX
	TESTL $FUTEX_OWNER_DIED, CX
	JNE orphan
	MOVL AX, DX
	XORL CX, CX // FUTEX_WAIT, shared between address spaces
	LEAL TCB_PATIENCE(SI), SI
	MOVL $SYS_futex, AX
	INT $0x80
	JMP next
orphan:
	MOVL BP, BX
	MOVL SI, SP
	JMP dead

fail:
	MOVL OP_TCB(SP), BX
	MOVL SP, TCB_FAILED(BX)
	MOVL $2, CX
	JMP stop
end:
	MOVL OP_TCB(SP), BX
	MOVL $1, CX
stop: // from here on SP is the thread block
	MOVL BX, SP
	XORL AX, AX
	MOVL AX, TCB_PROG(SP)
	MOVL CX, TCB_STATE(SP)
	MOVL $1, CX // FUTEX_WAKE
	MOVL $1, DX
	MOVL $SYS_futex, AX
	INT $0x80

idle: // until there is a new program, or the engine is dead
	MOVL SP, AX
	MOVL TCB_PROG(SP), BX
	TESTL BX, BX
	JNE run
	MOVL TCB_ENGINE(SP), BX
	MOVL (BX), DX
	TESTL $FUTEX_OWNER_DIED, DX
	JNE dead
	XORL CX, CX
	XORL SI, SI
	MOVL $SYS_futex, AX
	INT $0x80
	JMP idle

dead: // the will first, if there is one
	MOVL TCB_WILL(SP), AX
	TESTL AX, AX
	JEQ gone
	MOVL AX, TCB_PROG(SP)
	XORL AX, AX
	MOVL AX, TCB_WILL(SP)
	MOVL SP, AX
	JMP run
gone: // robust futexes wake one waiter: pass it on, then go back to the task's own registers
	MOVL $1, CX
	MOVL $0x7fffffff, DX
	MOVL $SYS_futex, AX
	INT $0x80
	MOVL TCB_FRAME(SP), AX
	TESTL AX, AX
	JEQ exit
	MOVL AX, SP
	MOVL $SYS_rt_sigreturn, AX
	INT $0x80
exit:
	MOVL $1, BX
	MOVL $SYS_exit_group, AX
	INT $0x80
	JMP exit
