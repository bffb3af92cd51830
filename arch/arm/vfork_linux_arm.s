//go:build linux && arm

#include "textflag.h"

#define SYS_clone3	435
#define SYS_execveat	387
#define SYS_exit	1
#define AT_EMPTY_PATH	0x1000

// func vforkExec(args, size, fd, path, argv, envp uintptr) int
// The child shares the parent's stack and must not write to it: all it needs is in registers before the call. R10 is Go's.
TEXT ·vforkExec(SB), NOSPLIT, $0-28
	MOVW args+0(FP), R0
	MOVW size+4(FP), R1
	MOVW fd+8(FP), R4
	MOVW path+12(FP), R5
	MOVW argv+16(FP), R6
	MOVW envp+20(FP), R8
	MOVW $SYS_clone3, R7
	SWI $0
	CMP $0, R0
	BEQ child
	MOVW R0, ret+24(FP)
	RET
child:
	MOVW R4, R0
	MOVW R5, R1
	MOVW R6, R2
	MOVW R8, R3
	MOVW $AT_EMPTY_PATH, R4
	MOVW $SYS_execveat, R7
	SWI $0
	RSB $0, R0
	MOVW $SYS_exit, R7
	SWI $0
	WORD $0xe7f001f0 // undefined
