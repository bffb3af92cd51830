//go:build linux && arm64

#include "textflag.h"
#include "vectors_arm64.h"

// Instructions that the assembler does not know (Arm ARM, C6.2 and C9.2): SMSTART and SMSTOP of both, and of ZA alone; RDSVL X2, #1; LDR and
// STR of ZA[W12, 0] at [X4]; MSR and MRS of TPIDR2_EL0 and X0.
#define SMSTART		WORD $0xd503477f
#define SMSTOP		WORD $0xd503467f
#define SMSTART_ZA	WORD $0xd503457f
#define SMSTOP_ZA	WORD $0xd503447f
#define RDSVL_X2	WORD $0x04bf5822
#define LDR_ZA		WORD $0xe1000080
#define STR_ZA		WORD $0xe1200080
#define MSR_TPIDR2	WORD $0xd51bd0a0
#define MRS_TPIDR2	WORD $0xd53bd0a0

// func loopSME(loops uint64, in, out *sme)
TEXT ·loopSME(SB), NOSPLIT, $0-24
	MOVD in+8(FP), R1
	ADD $8192, R1, R3
	ADD $8192, R3, R4
	SMSTART
	RDSVL_X2
	MOVD $0, R12
in:
	LDR_ZA
	ADD R2, R4
	ADD $1, R12
	CMP R2, R12
	BNE in
	LDRZ_ALL
	LDRP_ALL
	MOVD loops+0(FP), R0
loop:
	SUB $1, R0
	CBNZ R0, loop
	MOVD out+16(FP), R1
	ADD $8192, R1, R3
	ADD $8192, R3, R4
	STRZ_ALL
	STRP_ALL
	MOVD $0, R12
out:
	STR_ZA
	ADD R2, R4
	ADD $1, R12
	CMP R2, R12
	BNE out
	SMSTOP
	RET

// func loopZA(loops uint64, in, out *sme)
TEXT ·loopZA(SB), NOSPLIT, $0-24
	MOVD in+8(FP), R4
	ADD $16384, R4
	SMSTART_ZA
	RDSVL_X2
	MOVD $0, R12
in:
	LDR_ZA
	ADD R2, R4
	ADD $1, R12
	CMP R2, R12
	BNE in
	MOVD loops+0(FP), R0
loop:
	SUB $1, R0
	CBNZ R0, loop
	MOVD out+16(FP), R4
	ADD $16384, R4
	MOVD $0, R12
out:
	STR_ZA
	ADD R2, R4
	ADD $1, R12
	CMP R2, R12
	BNE out
	SMSTOP_ZA
	RET

// func setTPIDR2(v uint64)
TEXT ·setTPIDR2(SB), NOSPLIT, $0-8
	MOVD v+0(FP), R0
	MSR_TPIDR2
	RET

// func getTPIDR2() uint64
TEXT ·getTPIDR2(SB), NOSPLIT, $0-8
	MRS_TPIDR2
	MOVD R0, ret+0(FP)
	RET
