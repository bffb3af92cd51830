//go:build linux && amd64

#include "textflag.h"

#define SYS_clone3	435
#define SYS_execveat	322
#define SYS_exit	60
#define AT_EMPTY_PATH	0x1000

// func vforkExec(args, size, fd, path, argv, envp uintptr) int
// The child shares the parent's stack and must not write to it: all it needs is in registers before the call.
TEXT ·vforkExec(SB), NOSPLIT, $0-56
	MOVQ args+0(FP), DI
	MOVQ size+8(FP), SI
	MOVQ fd+16(FP), R12
	MOVQ path+24(FP), R13
	MOVQ argv+32(FP), BX
	MOVQ envp+40(FP), R9
	MOVL $SYS_clone3, AX
	SYSCALL
	TESTQ AX, AX
	JEQ child
	MOVQ AX, ret+48(FP)
	RET
child:
	MOVQ R12, DI
	MOVQ R13, SI
	MOVQ BX, DX
	MOVQ R9, R10
	MOVL $AT_EMPTY_PATH, R8
	MOVL $SYS_execveat, AX
	SYSCALL
	NEGQ AX
	MOVQ AX, DI
	MOVL $SYS_exit, AX
	SYSCALL
	INT $3
