//go:build linux && ppc64le

#include "textflag.h"

// func noteSignal()
// A signal handler, called by the kernel: no stack of Go's, no g.
TEXT ·noteSignal(SB), NOSPLIT|NOFRAME, $0-0
	MOVW R3, ·caught(SB)
	RET

DATA ·handler(SB)/8, $·noteSignal(SB)
GLOBL ·handler(SB), NOPTR, $8
