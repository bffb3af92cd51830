//go:build linux && arm64

#include "textflag.h"

// func setTag(addr uint64)
TEXT ·setTag(SB), NOSPLIT, $0-8
	MOVD addr+0(FP), R0
	WORD $0xd9200800 // stg x0, [x0]
	RET

// func getTag(addr uint64) uint64
TEXT ·getTag(SB), NOSPLIT, $0-16
	MOVD addr+0(FP), R0
	WORD $0xd9600000 // ldg x0, [x0]
	MOVD R0, ret+8(FP)
	RET
