//go:build linux && arm64

#include "textflag.h"

// Instructions that the assembler does not know (Arm ARM, C8.2): RDVL X2, #1; LDR and STR (vector) of Zt at [X1, #t, MUL VL].
#define RDVL_X2	WORD $0x04bf5022
#define LDRZ(t)	WORD $(0x85804020 + ((t>>3)<<16) + ((t&7)<<10) + t)
#define STRZ(t)	WORD $(0xe5804020 + ((t>>3)<<16) + ((t&7)<<10) + t)

// func vectorLength() uint64
TEXT ·vectorLength(SB), NOSPLIT, $0-8
	RDVL_X2
	MOVD R2, ret+0(FP)
	RET

// func keepSVE(loops uint64, in, out *[sveBytes]byte)
TEXT ·keepSVE(SB), NOSPLIT, $0-24
	MOVD in+8(FP), R1
	LDRZ(0)
	LDRZ(1)
	LDRZ(2)
	LDRZ(3)
	LDRZ(4)
	LDRZ(5)
	LDRZ(6)
	LDRZ(7)
	LDRZ(8)
	LDRZ(9)
	LDRZ(10)
	LDRZ(11)
	LDRZ(12)
	LDRZ(13)
	LDRZ(14)
	LDRZ(15)
	LDRZ(16)
	LDRZ(17)
	LDRZ(18)
	LDRZ(19)
	LDRZ(20)
	LDRZ(21)
	LDRZ(22)
	LDRZ(23)
	LDRZ(24)
	LDRZ(25)
	LDRZ(26)
	LDRZ(27)
	LDRZ(28)
	LDRZ(29)
	LDRZ(30)
	LDRZ(31)
	MOVD loops+0(FP), R0
loop:
	SUB $1, R0
	CBNZ R0, loop
	MOVD out+16(FP), R1
	STRZ(0)
	STRZ(1)
	STRZ(2)
	STRZ(3)
	STRZ(4)
	STRZ(5)
	STRZ(6)
	STRZ(7)
	STRZ(8)
	STRZ(9)
	STRZ(10)
	STRZ(11)
	STRZ(12)
	STRZ(13)
	STRZ(14)
	STRZ(15)
	STRZ(16)
	STRZ(17)
	STRZ(18)
	STRZ(19)
	STRZ(20)
	STRZ(21)
	STRZ(22)
	STRZ(23)
	STRZ(24)
	STRZ(25)
	STRZ(26)
	STRZ(27)
	STRZ(28)
	STRZ(29)
	STRZ(30)
	STRZ(31)
	RET
