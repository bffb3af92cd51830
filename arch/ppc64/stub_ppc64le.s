//go:build linux && ppc64le

#include "textflag.h"

// The stub of ppc64le tasks: see arch/x86/stub_amd64.s for what it does. The kernel keeps R14-R31 over sc and reports an
// error by CR0.SO with the positive errno in R3 (Documentation/arch/powerpc/syscall64-abi.rst).
//
// R14 thread block, R15 operation, R16 its flags, R17 scratch. R31 is the assembler's own.

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

#define SYS_futex	221
#define SYS_exit_group	234
#define SYS_rt_sigreturn	172

// func stub()
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
run: // Signal frames hold the vectors of threads that have used some, whatever a tracer has set: use them, change none
	VOR V0, V0, V0
	XXLOR VS0, VS0, VS0
	MOVD TCB_PROG(R14), R15
next:
	MOVWZ OP_FLAGS(R15), R16
	MOVD OP_ARG0(R15), R3
	ANDCC $1, R16, R17
	BEQ arg1
	MOVD (R3), R3
arg1:
	MOVD OP_ARG1(R15), R4
	ANDCC $2, R16, R17
	BEQ arg2
	MOVD (R4), R4
arg2:
	MOVD OP_ARG2(R15), R5
	ANDCC $4, R16, R17
	BEQ arg3
	MOVD (R5), R5
arg3:
	MOVD OP_ARG3(R15), R6
	ANDCC $8, R16, R17
	BEQ arg4
	MOVD (R6), R6
arg4:
	MOVD OP_ARG4(R15), R7
	ANDCC $16, R16, R17
	BEQ arg5
	MOVD (R7), R7
arg5:
	MOVD OP_ARG5(R15), R8
	ANDCC $32, R16, R17
	BEQ arg6
	MOVD (R8), R8
arg6:
	ANDCC $F_SPECIAL, R16, R17
	BNE special

	MOVWZ OP_NR(R15), R0
	SYSCALL
	BVC positive
	NEG R3, R3
positive:
	ANDCC $F_CLONE, R16, R17
	BEQ result
	CMP R3, $0
	BNE result
	MOVD OP_AUX(R15), R14 // the child: its own thread block
	BR run
result:
	MOVD R3, OP_RESULT(R15)
	ANDCC $F_IGNORE, R16, R17
	BNE advance
	ANDCC $F_EXPECT, R16, R17
	BEQ errno
	MOVD OP_AUX(R15), R4
	CMP R3, R4
	BEQ advance
	BR fail
errno:
	MOVD $-4095, R4
	CMPU R3, R4
	BGE fail
advance:
	ADD $OP_SIZE, R15
	BR next

special:
	ANDCC $F_WAIT, R16, R17
	BNE wait
	ANDCC $F_ADD, R16, R17
	BEQ end
add:
	LWAR (R3), R5
	ADD R4, R5
	STWCCC R5, (R3)
	BNE add
	SYNC
	BR advance

wait: // until the word at arg0 is arg2, or the engine is dead: then who should change the word may be dead as well
	MOVWZ (R3), R6
	LWSYNC
	CMPW R5, R6
	BEQ advance
	MOVD TCB_ENGINE(R14), R8
	MOVWZ (R8), R9
	ANDCC $FUTEX_OWNER_DIED, R9, R17
	BNE orphan
	MOVD R6, R5
	MOVD $0, R4 // FUTEX_WAIT, shared between address spaces
	ADD $TCB_PATIENCE, R14, R6
	MOVD $SYS_futex, R0
	SYSCALL
	BR next
orphan:
	MOVD R8, R3
	BR dead

fail:
	MOVD R15, TCB_FAILED(R14)
	MOVD $2, R16
	BR stop
end:
	MOVD $1, R16
stop:
	MOVD $0, R4
	MOVD R4, TCB_PROG(R14)
	LWSYNC
	MOVW R16, TCB_STATE(R14)
	MOVD R14, R3
	MOVD $1, R4 // FUTEX_WAKE
	MOVD $1, R5
	MOVD $SYS_futex, R0
	SYSCALL

idle: // until there is a new program, or the engine is dead
	MOVD TCB_PROG(R14), R15
	LWSYNC
	CMP R15, $0
	BNE next
	MOVD TCB_ENGINE(R14), R3
	MOVWZ (R3), R5
	ANDCC $FUTEX_OWNER_DIED, R5, R17
	BNE dead
	MOVD $0, R4
	MOVD $0, R6
	MOVD $SYS_futex, R0
	SYSCALL
	BR idle

dead: // the will first, if there is one
	MOVD TCB_WILL(R14), R15
	CMP R15, $0
	BEQ gone
	MOVD $0, R4
	MOVD R4, TCB_WILL(R14)
	BR next
gone: // robust futexes wake one waiter: pass it on, then go back to the task's own registers
	MOVD $1, R4
	MOVD $0x7fff, R5
	MOVD $SYS_futex, R0
	SYSCALL
	MOVD TCB_FRAME(R14), R3
	CMP R3, $0
	BEQ exit
	MOVD R3, R1
	MOVD $SYS_rt_sigreturn, R0
	SYSCALL
exit:
	MOVD $1, R3
	MOVD $SYS_exit_group, R0
	SYSCALL
	BR exit
