//go:build linux && arm64

#include "textflag.h"

#define SYS_clone	220
#define THREAD_FLAGS	0x50f00 // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM

// func Thread(entry, tcb uintptr) int
TEXT ·Thread(SB), NOSPLIT, $0-24
	MOVD entry+0(FP), R20
	MOVD tcb+8(FP), R19
	MOVD $THREAD_FLAGS, R0
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $SYS_clone, R8
	SVC
	CBZ R0, child
	MOVD R0, ret+16(FP)
	RET
child:
	B (R20)
