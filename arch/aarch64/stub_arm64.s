//go:build linux && arm64

#include "textflag.h"

// The stub of arm64 tasks: see arch/x86/stub_amd64.s for what it does. The kernel keeps all registers but R0 over SVC
// (Documentation/arch/arm64; arch/arm64/kernel/entry.S).
//
// R19 thread block, R20 operation, R21 its flags. R27 is the assembler's own for large offsets.

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

#define SYS_futex	98
#define SYS_exit_group	94
#define SYS_rt_sigreturn	139

// func stub()
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
run:
	MOVD TCB_PROG(R19), R20
next:
	MOVWU OP_FLAGS(R20), R21
	MOVD OP_ARG0(R20), R0
	TBZ $0, R21, arg1
	MOVD (R0), R0
arg1:
	MOVD OP_ARG1(R20), R1
	TBZ $1, R21, arg2
	MOVD (R1), R1
arg2:
	MOVD OP_ARG2(R20), R2
	TBZ $2, R21, arg3
	MOVD (R2), R2
arg3:
	MOVD OP_ARG3(R20), R3
	TBZ $3, R21, arg4
	MOVD (R3), R3
arg4:
	MOVD OP_ARG4(R20), R4
	TBZ $4, R21, arg5
	MOVD (R4), R4
arg5:
	MOVD OP_ARG5(R20), R5
	TBZ $5, R21, arg6
	MOVD (R5), R5
arg6:
	TST $F_SPECIAL, R21
	BNE special

	MOVWU OP_NR(R20), R8
	SVC
	TST $F_CLONE, R21
	BEQ result
	CBNZ R0, result
	MOVD OP_AUX(R20), R19 // the child: its own thread block
	B run
result:
	MOVD R0, OP_RESULT(R20)
	TST $F_IGNORE, R21
	BNE advance
	TST $F_EXPECT, R21
	BEQ errno
	MOVD OP_AUX(R20), R1
	CMP R1, R0
	BEQ advance
	B fail
errno:
	CMN $4095, R0
	BHS fail
advance:
	ADD $OP_SIZE, R20
	B next

special:
	TST $F_WAIT, R21
	BNE wait
	TST $F_ADD, R21
	BEQ end
add:
	LDAXRW (R0), R2
	ADDW R1, R2, R2
	STLXRW R2, (R0), R3
	CBNZ R3, add
	B advance

wait: // until the word at arg0 is arg2, or the engine is dead: then who should change the word may be dead as well
	LDARW (R0), R3
	CMPW R2, R3
	BEQ advance
	MOVD TCB_ENGINE(R19), R5
	LDARW (R5), R6
	TBNZ $30, R6, orphan
	MOVD R3, R2
	MOVD $0, R1 // FUTEX_WAIT, shared between address spaces
	ADD $TCB_PATIENCE, R19, R3
	MOVD $SYS_futex, R8
	SVC
	B next
orphan:
	MOVD R5, R0
	B dead

fail:
	MOVD R20, TCB_FAILED(R19)
	MOVD $2, R21
	B stop
end:
	MOVD $1, R21
stop:
	MOVD ZR, TCB_PROG(R19)
	STLRW R21, (R19)
	MOVD R19, R0
	MOVD $1, R1 // FUTEX_WAKE
	MOVD $1, R2
	MOVD $SYS_futex, R8
	SVC

idle: // until there is a new program, or the engine is dead
	ADD $TCB_PROG, R19, R0
	LDAR (R0), R20
	CBNZ R20, next
	MOVD TCB_ENGINE(R19), R0
	LDARW (R0), R2
	TBNZ $30, R2, dead
	MOVD $0, R1
	MOVD $0, R3
	MOVD $SYS_futex, R8
	SVC
	B idle

dead: // the will first, if there is one
	MOVD TCB_WILL(R19), R20
	CBZ R20, gone
	MOVD ZR, TCB_WILL(R19)
	B next
gone: // robust futexes wake one waiter: pass it on, then go back to the task's own registers
	MOVD $1, R1
	MOVD $0x7fffffff, R2
	MOVD $SYS_futex, R8
	SVC
	MOVD TCB_FRAME(R19), R0
	CBZ R0, exit
	MOVD R0, RSP
	MOVD $SYS_rt_sigreturn, R8
	SVC
exit:
	MOVD $1, R0
	MOVD $SYS_exit_group, R8
	SVC
	B exit
