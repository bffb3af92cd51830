// Instructions that the assembler does not know (Arm ARM, C8.2): LDR and STR of Zt at [X1, #t, MUL VL], and of Pt at [X3, #t, MUL VL].
#define LDRZ(t)	WORD $(0x85804020 + ((t>>3)<<16) + ((t&7)<<10) + t)
#define STRZ(t)	WORD $(0xe5804020 + ((t>>3)<<16) + ((t&7)<<10) + t)
#define LDRP(t)	WORD $(0x85800060 + ((t>>3)<<16) + ((t&7)<<10) + t)
#define STRP(t)	WORD $(0xe5800060 + ((t>>3)<<16) + ((t&7)<<10) + t)

#define LDRZ_ALL \
	LDRZ(0); LDRZ(1); LDRZ(2); LDRZ(3); LDRZ(4); LDRZ(5); LDRZ(6); LDRZ(7); \
	LDRZ(8); LDRZ(9); LDRZ(10); LDRZ(11); LDRZ(12); LDRZ(13); LDRZ(14); LDRZ(15); \
	LDRZ(16); LDRZ(17); LDRZ(18); LDRZ(19); LDRZ(20); LDRZ(21); LDRZ(22); LDRZ(23); \
	LDRZ(24); LDRZ(25); LDRZ(26); LDRZ(27); LDRZ(28); LDRZ(29); LDRZ(30); LDRZ(31)

#define STRZ_ALL \
	STRZ(0); STRZ(1); STRZ(2); STRZ(3); STRZ(4); STRZ(5); STRZ(6); STRZ(7); \
	STRZ(8); STRZ(9); STRZ(10); STRZ(11); STRZ(12); STRZ(13); STRZ(14); STRZ(15); \
	STRZ(16); STRZ(17); STRZ(18); STRZ(19); STRZ(20); STRZ(21); STRZ(22); STRZ(23); \
	STRZ(24); STRZ(25); STRZ(26); STRZ(27); STRZ(28); STRZ(29); STRZ(30); STRZ(31)

#define LDRP_ALL \
	LDRP(0); LDRP(1); LDRP(2); LDRP(3); LDRP(4); LDRP(5); LDRP(6); LDRP(7); \
	LDRP(8); LDRP(9); LDRP(10); LDRP(11); LDRP(12); LDRP(13); LDRP(14); LDRP(15)

#define STRP_ALL \
	STRP(0); STRP(1); STRP(2); STRP(3); STRP(4); STRP(5); STRP(6); STRP(7); \
	STRP(8); STRP(9); STRP(10); STRP(11); STRP(12); STRP(13); STRP(14); STRP(15)
