//go:build linux && ppc64le

#include "textflag.h"

#define SYS_clone	120
#define THREAD_FLAGS	0x50f00 // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM

// func Thread(entry, tcb uintptr) int
TEXT ·Thread(SB), NOSPLIT, $0-24
	MOVD entry+0(FP), R15
	MOVD tcb+8(FP), R14
	MOVD $THREAD_FLAGS, R3
	MOVD $0, R4
	MOVD $0, R5
	MOVD $0, R6
	MOVD $0, R7
	MOVD $SYS_clone, R0
	SYSCALL
	MOVD $0, R0
	BVC positive
	NEG R3, R3
positive:
	CMP R3, $0
	BEQ child
	MOVD R3, ret+16(FP)
	RET
child:
	MOVD R15, CTR
	BR (CTR)
