//go:build linux && amd64

#include "textflag.h"

#define SYS_clone	56
#define THREAD_FLAGS	0x50f00 // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM

// func Thread(entry, tcb uintptr) int
TEXT ·Thread(SB), NOSPLIT, $0-24
	MOVQ entry+0(FP), R12
	MOVQ tcb+8(FP), R15
	MOVL $THREAD_FLAGS, DI
	XORL SI, SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	MOVL $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JEQ child
	MOVQ AX, ret+16(FP)
	RET
child:
	JMP R12
