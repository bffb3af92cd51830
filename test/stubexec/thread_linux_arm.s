//go:build linux && arm

#include "textflag.h"

#define SYS_clone	120
#define THREAD_FLAGS	0x50f00 // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM

// func Thread(entry, tcb uintptr) int
TEXT ·Thread(SB), NOSPLIT, $0-12
	MOVW entry+0(FP), R9
	MOVW tcb+4(FP), R8
	MOVW $THREAD_FLAGS, R0
	MOVW $0, R1
	MOVW $0, R2
	MOVW $0, R3
	MOVW $0, R4
	MOVW $SYS_clone, R7
	SWI $0
	CMP $0, R0
	BEQ child
	MOVW R0, ret+8(FP)
	RET
child:
	B (R9)
