//go:build linux && amd64

#include "textflag.h"

#define SYS_rt_sigreturn	15

// func noteSignal()
// A signal handler, called by the kernel: no stack of Go's, no g.
TEXT ·noteSignal(SB), NOSPLIT|NOFRAME, $0-0
	MOVL DI, ·caught(SB)
	RET

// func signalReturn()
// sa_restorer: the kernel has none of its own for x86-64.
TEXT ·signalReturn(SB), NOSPLIT|NOFRAME, $0-0
	MOVL $SYS_rt_sigreturn, AX
	SYSCALL
	INT $3

DATA ·restorer(SB)/8, $·signalReturn(SB)
GLOBL ·restorer(SB), NOPTR, $8
DATA ·handler(SB)/8, $·noteSignal(SB)
GLOBL ·handler(SB), NOPTR, $8
