//go:build linux && arm

#include "textflag.h"

// func keep(loops uint64, in, out *[vectorWords]uint64) uint64
// R0 counts, R12 compares, R10 is Go's, R11 the assembler's. Its names end at D15: the other half is written as words
// (Arm ARM, F6.1: VLDM, VSTM, VMSR, VMRS).
TEXT ·keep(SB), NOSPLIT, $0-24
	MOVW in+8(FP), R0
	WORD $0xecb00b20 // vldmia r0!, {d0-d15}
	WORD $0xecf00b20 // vldmia r0!, {d16-d31}
	MOVW $0xa3c0009f, R1 // flags, rounding towards zero, flush to zero, all exceptions seen
	WORD $0xeee11a10 // vmsr fpscr, r1
	MOVW loops_lo+0(FP), R0
	MOVW $0x01234567, R1
	MOVW $0x02468ace, R2
	MOVW $0x0369d036, R3
	MOVW $0x048d159e, R4
	MOVW $0x05b05b05, R5
	MOVW $0x06d3a06d, R6
	MOVW $0x07f6e5d4, R7
	MOVW $0x091a2b3c, R8
	MOVW $0x0a3d70a3, R9
loop:
	SUB $1, R0
	CMP $0, R0
	BNE loop
	MOVW $0x01234567, R12
	CMP R1, R12
	BNE bad
	MOVW $0x02468ace, R12
	CMP R2, R12
	BNE bad
	MOVW $0x0369d036, R12
	CMP R3, R12
	BNE bad
	MOVW $0x048d159e, R12
	CMP R4, R12
	BNE bad
	MOVW $0x05b05b05, R12
	CMP R5, R12
	BNE bad
	MOVW $0x06d3a06d, R12
	CMP R6, R12
	BNE bad
	MOVW $0x07f6e5d4, R12
	CMP R7, R12
	BNE bad
	MOVW $0x091a2b3c, R12
	CMP R8, R12
	BNE bad
	MOVW $0x0a3d70a3, R12
	CMP R9, R12
	BNE bad
	WORD $0xeef11a10 // vmrs r1, fpscr
	MOVW $0xa3c0009f, R12
	CMP R1, R12
	BNE bad
	MOVW out+12(FP), R0
	WORD $0xeca00b20 // vstmia r0!, {d0-d15}
	WORD $0xece00b20 // vstmia r0!, {d16-d31}
	MOVW $0, R0
	B done
bad:
	MOVW $1, R0
done:
	MOVW $0, R1
	WORD $0xeee11a10 // vmsr fpscr, r1
	MOVW R0, ret_lo+16(FP)
	MOVW R1, ret_hi+20(FP)
	RET

// func threadPointer() uint32
TEXT ·threadPointer(SB), NOSPLIT, $0-4
	MRC 15, 0, R0, C13, C0, 3 // TPIDRURO
	MOVW R0, ret+0(FP)
	RET
