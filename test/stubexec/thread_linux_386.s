//go:build linux && 386

#include "textflag.h"

#define SYS_clone	120
#define THREAD_FLAGS	0x50f00 // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM

// func Thread(entry, tcb uintptr) int
TEXT ·Thread(SB), NOSPLIT, $0-12
	MOVL entry+0(FP), DI
	MOVL tcb+4(FP), BP
	MOVL $THREAD_FLAGS, BX
	XORL CX, CX
	XORL DX, DX
	XORL SI, SI
	MOVL $SYS_clone, AX
	INT $0x80
	TESTL AX, AX
	JEQ child
	MOVL AX, ret+8(FP)
	RET
child:
	MOVL BP, AX
	JMP DI
