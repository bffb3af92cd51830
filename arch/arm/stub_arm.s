//go:build linux && arm

#include "textflag.h"

// The stub of arm tasks (EABI): see arch/x86/stub_amd64.s for what it does; words are the low halves of the layout's. The
// kernel keeps all registers but R0 over SWI (arch/arm/kernel/entry-common.S). ARM state only.
//
// R8 thread block, R9 operation, R6 its flags. R11 is the assembler's own for large offsets and immediates.

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

#define SYS_futex	240
#define SYS_exit_group	248
#define SYS_rt_sigreturn	173

// func stub()
TEXT ·stub(SB), NOSPLIT|NOFRAME, $0-0
run:
	MOVW TCB_PROG(R8), R9
next:
	MOVW OP_FLAGS(R9), R6
	MOVW OP_ARG0(R9), R0
	TST $1, R6
	MOVW.NE (R0), R0
	MOVW OP_ARG1(R9), R1
	TST $2, R6
	MOVW.NE (R1), R1
	MOVW OP_ARG2(R9), R2
	TST $4, R6
	MOVW.NE (R2), R2
	MOVW OP_ARG3(R9), R3
	TST $8, R6
	MOVW.NE (R3), R3
	MOVW OP_ARG4(R9), R4
	TST $16, R6
	MOVW.NE (R4), R4
	MOVW OP_ARG5(R9), R5
	TST $32, R6
	MOVW.NE (R5), R5
	TST $F_SPECIAL, R6
	BNE special

	MOVW OP_NR(R9), R7
	SWI $0
	TST $F_CLONE, R6
	BEQ result
	CMP $0, R0
	BNE result
	MOVW OP_AUX(R9), R8 // the child: its own thread block
	B run
result:
	MOVW R0, OP_RESULT(R9)
	MOVW R0->31, R1
	MOVW R1, (OP_RESULT+4)(R9)
	TST $F_IGNORE, R6
	BNE advance
	TST $F_EXPECT, R6
	BEQ errno
	MOVW OP_AUX(R9), R1
	CMP R1, R0
	BEQ advance
	B fail
errno:
	CMN $4096, R0 // 4095 is no immediate of ARM's
	BHI fail
advance:
	ADD $OP_SIZE, R9
	B next

special:
	TST $F_WAIT, R6
	BNE wait
	TST $F_ADD, R6
	BEQ end
add:
	LDREX (R0), R2
	ADD R1, R2
	STREX R2, (R0), R3
	CMP $0, R3
	BNE add
	B advance

wait: // until the word at arg0 is arg2, or the engine is dead: then who should change the word may be dead as well
	MOVW (R0), R3
	CMP R2, R3
	BEQ advance
	MOVW TCB_ENGINE(R8), R5
	MOVW (R5), R4
	TST $FUTEX_OWNER_DIED, R4
	BNE orphan
	MOVW R3, R2
	MOVW $0, R1 // FUTEX_WAIT, shared between address spaces
	ADD $TCB_PATIENCE, R8, R3
	MOVW $SYS_futex, R7
	SWI $0
	B next
orphan:
	MOVW R5, R0
	B dead

fail:
	MOVW R9, TCB_FAILED(R8)
	MOVW $2, R6
	B stop
end:
	MOVW $1, R6
stop:
	MOVW $0, R1
	MOVW R1, TCB_PROG(R8)
	MOVW R6, TCB_STATE(R8)
	MOVW R8, R0
	MOVW $1, R1 // FUTEX_WAKE
	MOVW $1, R2
	MOVW $SYS_futex, R7
	SWI $0

idle: // until there is a new program, or the engine is dead
	MOVW TCB_PROG(R8), R9
	CMP $0, R9
	BNE next
	MOVW TCB_ENGINE(R8), R0
	MOVW (R0), R2
	TST $FUTEX_OWNER_DIED, R2
	BNE dead
	MOVW $0, R1
	MOVW $0, R3
	MOVW $SYS_futex, R7
	SWI $0
	B idle

dead: // the will first, if there is one
	MOVW TCB_WILL(R8), R9
	CMP $0, R9
	BEQ gone
	MOVW $0, R1
	MOVW R1, TCB_WILL(R8)
	B next
gone: // robust futexes wake one waiter: pass it on, then go back to the task's own registers
	MOVW $1, R1
	MOVW $0x10000, R2
	MOVW $SYS_futex, R7
	SWI $0
	MOVW TCB_FRAME(R8), R0
	CMP $0, R0
	BEQ exit
	MOVW R0, R13
	MOVW $SYS_rt_sigreturn, R7
	SWI $0
exit:
	MOVW $1, R0
	MOVW $SYS_exit_group, R7
	SWI $0
	B exit
