//go:build linux && arm

#include "textflag.h"

// Rounding towards zero (Arm ARM v7, B4.1.58), and what of FPSCR is not a result.
#define FPSCR	0x00c00000
#define CONTROL	0x07c00000

// Instructions that the assembler does not know (Arm ARM v7, A8.8): VMSR and VMRS of FPSCR and R0, VLDMIA and VSTMIA at R0, with write-back or
// without, of D0-D15 and D16-D31.
#define VMSR_FPSCR_R0	WORD $0xeee10a10
#define VMRS_R0_FPSCR	WORD $0xeef10a10
#define VLDM_D0_D15	WORD $0xecb00b20
#define VLDM_D16_D31	WORD $0xecd00b20
#define VSTM_D0_D15	WORD $0xeca00b20
#define VSTM_D16_D31	WORD $0xecc00b20

// func setControl()
TEXT ·setControl(SB), NOSPLIT, $0-0
	MOVW $FPSCR, R0
	VMSR_FPSCR_R0
	RET

// func keep(size, loops, in, out uintptr) uintptr
// R0 counts; then what is compared is loaded into it, so that the assembler needs no other.
TEXT ·keep(SB), NOSPLIT, $8-20
	MOVW g, goroutine-4(SP)
	MOVW in+8(FP), R0
	VLDM_D0_D15
	VLDM_D16_D31
	MOVW $0x5bc9b293, R1
	MOVW $0x14805d21, R2
	MOVW $0x3ea45ccb, R3
	MOVW $0x3d105bc9, R4
	MOVW $0x385458c3, R5
	MOVW $0x2a204fb1, R6
	MOVW $0x7f84347b, R7
	MOVW $0x7fafe2d9, R8
	MOVW $0x0032edf3, R9
	MOVW $0x01bc0f41, g
	MOVW $0x0657732b, R11
	MOVW $0x14299ee9, R12
	MOVW $0x3da02223, R14
	MOVW loops+4(FP), R0
again:
	SUB.S $1, R0
	BNE again
	MOVW $0x5bc9b293, R0
	CMP R0, R1
	BNE bad
	MOVW $0x14805d21, R0
	CMP R0, R2
	BNE bad
	MOVW $0x3ea45ccb, R0
	CMP R0, R3
	BNE bad
	MOVW $0x3d105bc9, R0
	CMP R0, R4
	BNE bad
	MOVW $0x385458c3, R0
	CMP R0, R5
	BNE bad
	MOVW $0x2a204fb1, R0
	CMP R0, R6
	BNE bad
	MOVW $0x7f84347b, R0
	CMP R0, R7
	BNE bad
	MOVW $0x7fafe2d9, R0
	CMP R0, R8
	BNE bad
	MOVW $0x0032edf3, R0
	CMP R0, R9
	BNE bad
	MOVW $0x01bc0f41, R0
	CMP R0, g
	BNE bad
	MOVW $0x0657732b, R0
	CMP R0, R11
	BNE bad
	MOVW $0x14299ee9, R0
	CMP R0, R12
	BNE bad
	MOVW $0x3da02223, R0
	CMP R0, R14
	BNE bad
	VMRS_R0_FPSCR
	MOVW $CONTROL, R1
	AND R1, R0
	MOVW $FPSCR, R1
	CMP R1, R0
	BNE bad
	MOVW out+12(FP), R0
	VSTM_D0_D15
	VSTM_D16_D31
	MOVW $0, R0
	B end
bad:
	MOVW $1, R0
end:
	MOVW goroutine-4(SP), g
	MOVW R0, ret+16(FP)
	RET
