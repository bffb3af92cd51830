//go:build linux && amd64

#include "textflag.h"

// The stub of x86-64 tasks: walks a table of operations and makes each one's system call. Position independent, without a
// stack, state in registers only: any number of threads run it at once, each on its own thread block.
//
// R15 thread block, R14 operation, BX its flags. SYSCALL clobbers AX, CX and R11 (Intel SDM vol. 2, SYSCALL).
// Layouts: woodfrog/core/stub, layout.go.

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

#define SYS_rt_sigreturn	15
#define SYS_futex	202
#define SYS_exit_group	231
#define FUTEX_OWNER_DIED	0x40000000

// func stub()
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
run:
	MOVQ TCB_PROG(R15), R14
next:
	MOVL OP_FLAGS(R14), BX
	MOVQ OP_ARG0(R14), DI
	TESTL $1, BX
	JEQ arg1
	MOVQ (DI), DI
arg1:
	MOVQ OP_ARG1(R14), SI
	TESTL $2, BX
	JEQ arg2
	MOVQ (SI), SI
arg2:
	MOVQ OP_ARG2(R14), DX
	TESTL $4, BX
	JEQ arg3
	MOVQ (DX), DX
arg3:
	MOVQ OP_ARG3(R14), R10
	TESTL $8, BX
	JEQ arg4
	MOVQ (R10), R10
arg4:
	MOVQ OP_ARG4(R14), R8
	TESTL $16, BX
	JEQ arg5
	MOVQ (R8), R8
arg5:
	MOVQ OP_ARG5(R14), R9
	TESTL $32, BX
	JEQ kind
	MOVQ (R9), R9
kind:
	TESTL $F_SPECIAL, BX
	JNE special

	MOVL OP_NR(R14), AX
	SYSCALL
	TESTL $F_CLONE, BX
	JEQ result
	TESTQ AX, AX
	JNE result
	MOVQ OP_AUX(R14), R15 // the child: its own thread block
	JMP run
result:
	MOVQ AX, OP_RESULT(R14)
	TESTL $F_IGNORE, BX
	JNE advance
	TESTL $F_EXPECT, BX
	JEQ errno
	CMPQ AX, OP_AUX(R14)
	JEQ advance
	JMP fail
errno:
	CMPQ AX, $-4095
	JCC fail
advance:
	ADDQ $OP_SIZE, R14
	JMP next

special:
	TESTL $F_WAIT, BX
	JNE wait
	TESTL $F_ADD, BX
	JEQ end
	LOCK
	XADDL SI, (DI)
	JMP advance

wait: // until the word at arg0 is arg2, or the engine is dead: then who should change the word may be dead as well
	MOVL (DI), AX
	CMPL AX, DX
	JEQ advance
	MOVQ TCB_ENGINE(R15), R8
	MOVL (R8), R9
	TESTL $FUTEX_OWNER_DIED, R9
	JNE orphan
	MOVL AX, DX
	XORL SI, SI // FUTEX_WAIT, shared between address spaces
	LEAQ TCB_PATIENCE(R15), R10
	MOVL $SYS_futex, AX
	SYSCALL
	JMP next
orphan:
	MOVQ R8, DI
	JMP dead

fail:
	MOVQ R14, TCB_FAILED(R15)
	MOVL $2, BX
	JMP stop
end:
	MOVL $1, BX
stop:
	XORL AX, AX
	MOVQ AX, TCB_PROG(R15)
	MOVL BX, TCB_STATE(R15)
	MOVQ R15, DI
	MOVL $1, SI // FUTEX_WAKE
	MOVL $1, DX
	MOVL $SYS_futex, AX
	SYSCALL

idle: // until there is a new program, or the engine is dead
	MOVQ TCB_PROG(R15), R14
	TESTQ R14, R14
	JNE next
	MOVQ TCB_ENGINE(R15), DI
	MOVL (DI), DX
	TESTL $FUTEX_OWNER_DIED, DX
	JNE dead
	XORL SI, SI
	XORL R10, R10
	MOVL $SYS_futex, AX
	SYSCALL
	JMP idle

dead: // the will first, if there is one
	MOVQ TCB_WILL(R15), R14
	TESTQ R14, R14
	JEQ gone
	XORL AX, AX
	MOVQ AX, TCB_WILL(R15)
	JMP next
gone: // robust futexes wake one waiter: pass it on, then go back to the task's own registers
	MOVL $1, SI
	MOVL $0x7fffffff, DX
	MOVL $SYS_futex, AX
	SYSCALL
	MOVQ TCB_FRAME(R15), AX
	TESTQ AX, AX
	JEQ exit
	MOVQ AX, SP
	MOVL $SYS_rt_sigreturn, AX
	SYSCALL
exit:
	MOVL $1, DI
	MOVL $SYS_exit_group, AX
	SYSCALL
	JMP exit
