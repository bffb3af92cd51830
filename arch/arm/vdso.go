package arm

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Instructions (Arm ARM, F5.1), of ARM state unless they say Thumb; those of Thumb that have 32 bits are two halfwords.
const (
	insnB       = 0xea000000 // b: imm24 words from 8 bytes behind the instruction
	insnMovIPR7 = 0xe1a0c007 // mov ip, r7
	insnMovR7IP = 0xe1a0700c // mov r7, ip
	insnLdrR7   = 0xe59f7008 // ldr r7, [pc, #8]: the word 16 bytes from the instruction

	thumbNop     = 0xbf00
	thumbB       = 0xf000 // b.w, encoding T4: S and imm10
	thumbB2      = 0x9000 // J1, J2 and imm11
	thumbLdrPC   = 0xf8df // ldr.w pc, [pc]: the word 4 bytes from an instruction that is aligned to a word
	thumbLdrPC2  = 0xf000
	thumbMovw    = 0xf240 // movw: i and imm4
	thumbMovwR7  = 0x0700 // imm3 and imm8
	thumbMovIPR7 = 0x46bc
	thumbMovR7IP = 0x4667
)

// Reach of branches: that far back, and an instruction less forth, from where pc points.
const (
	armBytes, armPC     = 1 << 25, 8
	thumbBytes, thumbPC = 1 << 24, 4
)

// vdso writes code for arm: for the kernels of arm, whose vDSO is of ARM instructions, and for those of arm64, whose vDSO for arm tasks is
// of Thumb ones. The functions are called by the procedure call standard; ip and lr are all that they may clobber but for arguments.
// Caches: as on arm64 (arch/arm/mm/flush.c, __sync_icache_dcache).
var vdso = arch.VDSO{
	Reach: thumbBytes - 2*thumbPC,
	Near:  near,
	Far:   far,
	Call:  call,
	GoG:   10 * 4, // R10
	GoCalls: map[string]bool{
		"clock_gettime": true, "clock_gettime64": true, "clock_getres": true, "clock_getres_time64": true, "gettimeofday": true,
	},
	SystemCalls: map[string]arch.Call{
		"clock_gettime":       arch.SysClockGettime,
		"clock_gettime64":     arch.SysClockGettime64,
		"clock_getres":        arch.SysClockGetres,
		"clock_getres_time64": arch.SysClockGetres64,
		"gettimeofday":        arch.SysGettimeofday,
	},
}

// near is b, or b.w; neither changes the state.
func near(at, target uint64) []byte {
	if (at^target)&thumb != 0 {
		return nil
	}
	if at&thumb == 0 {
		rel := int64(target) - int64(at) - armPC
		if rel < -armBytes || rel >= armBytes || rel&3 != 0 {
			return nil
		}
		return arch.Words(insnB | uint32(rel>>2)&(1<<24-1))
	}
	rel := int64(target) - int64(at) - thumbPC
	if rel < -thumbBytes || rel >= thumbBytes {
		return nil
	}
	// S:I1:I2:imm10:imm11:0, with J1 = NOT(I1 EOR S), J2 = NOT(I2 EOR S)
	v := uint32(rel)
	s, i1, i2 := v>>24&1, v>>23&1, v>>22&1
	return halfwords(uint16(thumbB|s<<10|v>>12&0x3ff), uint16(thumbB2|(i1^s^1)<<13|(i2^s^1)<<11|v>>1&0x7ff))
}

// far loads pc with the word behind, which enters the state that bit 0 of target names (since ARMv5T).
func far(at, target uint64) []byte {
	var b []byte
	switch {
	case at&thumb == 0:
		b = arch.Words(insnLdrPC4)
	case at&2 == 0:
		b = halfwords(thumbLdrPC, thumbLdrPC2)
	default:
		b = halfwords(thumbNop, thumbLdrPC, thumbLdrPC2)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(target))
}

// call is mov ip, r7; r7 = nr; svc; mov r7, ip; bx lr: the kernel leaves ip alone.
func call(at uint64, nr int) []byte {
	if at&thumb == 0 {
		return arch.Words(insnMovIPR7, insnLdrR7, insnSvc, insnMovR7IP, insnBxLR, uint32(nr))
	}
	n := uint32(nr) // imm4:i:imm3:imm8
	return halfwords(thumbMovIPR7, uint16(thumbMovw|n>>11&1<<10|n>>12&0xf), uint16(thumbMovwR7|n>>8&7<<12|n&0xff), thumbSvc, thumbMovR7IP, thumbBxLR)
}
