//go:build linux && arm64

#include "textflag.h"

#define SYS_clone3	435
#define SYS_execveat	281
#define SYS_exit	93
#define AT_EMPTY_PATH	0x1000

// func vforkExec(args, size, fd, path, argv, envp uintptr) int
// The child shares the parent's stack and must not write to it: all it needs is in registers before the call.
TEXT ·vforkExec(SB), NOSPLIT, $0-56
	MOVD args+0(FP), R0
	MOVD size+8(FP), R1
	MOVD fd+16(FP), R19
	MOVD path+24(FP), R20
	MOVD argv+32(FP), R21
	MOVD envp+40(FP), R22
	MOVD $SYS_clone3, R8
	SVC
	CBZ R0, child
	MOVD R0, ret+48(FP)
	RET
child:
	MOVD R19, R0
	MOVD R20, R1
	MOVD R21, R2
	MOVD R22, R3
	MOVD $AT_EMPTY_PATH, R4
	MOVD $SYS_execveat, R8
	SVC
	NEG R0, R0
	MOVD $SYS_exit, R8
	SVC
	BRK
