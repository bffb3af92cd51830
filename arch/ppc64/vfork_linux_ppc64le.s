//go:build linux && ppc64le

#include "textflag.h"

#define SYS_clone3	435
#define SYS_execveat	362
#define SYS_exit	1
#define AT_EMPTY_PATH	0x1000

// func vforkExec(args, size, fd, path, argv, envp uintptr) int
// The child shares the parent's stack and must not write to it: all it needs is in registers before the call.
TEXT ·vforkExec(SB), NOSPLIT, $0-56
	MOVD args+0(FP), R3
	MOVD size+8(FP), R4
	MOVD fd+16(FP), R14
	MOVD path+24(FP), R15
	MOVD argv+32(FP), R16
	MOVD envp+40(FP), R17
	MOVD $SYS_clone3, R0
	SYSCALL
	MOVD $0, R0
	BVC made
	NEG R3, R3
made:
	CMP R3, $0
	BEQ child
	MOVD R3, ret+48(FP)
	RET
child:
	MOVD R14, R3
	MOVD R15, R4
	MOVD R16, R5
	MOVD R17, R6
	MOVD $AT_EMPTY_PATH, R7
	MOVD $SYS_execveat, R0
	SYSCALL
	MOVD $SYS_exit, R0 // with the errno
	SYSCALL
	UNDEF
