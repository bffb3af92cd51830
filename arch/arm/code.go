package arm

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Instructions (Arm ARM, F5.1), of ARM state unless they say Thumb.
const (
	insnSvc    = 0xef000000 // svc 0
	insnBxLR   = 0xe12fff1e // bx lr
	insnAddPC  = 0xe28ef000 // add pc, lr, 0: how Go returns
	insnLdr    = 0xe59f0000 // ldr d, [pc]: the word after the next instruction; d at bit 12
	insnSkip   = 0xea000000 // b to the instruction after the next
	insnLdrPC4 = 0xe51ff004 // ldr pc, [pc, #-4]: the next word
	insnMovR7  = 0xe3a07000 // mov r7, #imm8

	thumbSvc   = 0xdf00 // svc 0
	thumbBxLR  = 0x4770 // bx lr
	thumbMovR7 = 0x2700 // movs r7, #imm8

	sysRtSigreturn = 173
	oabiBase       = 0x900000 // of the numbers that OABI has in its svc (arch/arm/include/uapi/asm/unistd.h)
)

var (
	svc      = arch.Words(insnSvc)
	svcThumb = halfwords(thumbSvc)
)

// thumb marks the address of Thumb code.
const thumb = 1

func halfwords(insns ...uint16) []byte {
	var b []byte
	for _, h := range insns {
		b = binary.LittleEndian.AppendUint16(b, h)
	}
	return b
}

// findThumb is the offset of Thumb instructions in code, marked as such; -1 if they are not there.
func findThumb(code []byte, insns ...uint16) int {
	if i := arch.FindAligned(code, halfwords(insns...), 2); i >= 0 {
		return i | thumb
	}
	return -1
}

// first is the first of the offsets that is one.
func first(found ...int) int {
	for _, at := range found {
		if at >= 0 {
			return at
		}
	}
	return -1
}

func findSvc(code []byte) int { return first(arch.FindWords(code, insnSvc), findThumb(code, thumbSvc)) }

func callReturn(code []byte) int {
	return first(arch.FindWords(code, insnSvc, insnBxLR), findThumb(code, thumbSvc, thumbBxLR), arch.FindWords(code, insnSvc, insnAddPC))
}

// sigreturn finds mov r7, #173; svc: in a C library's restorer, and in [sigpage], where the number is in the svc, too: as OABI wants it in that
// of arm kernels (arch/arm/kernel/sigreturn_codes.S), as it is in that of arm64 kernels (arch/arm64/kernel/sigreturn32.S). That of ARM
// state is preferred: every return finds to it.
func sigreturn(code []byte) int {
	const mov, movThumb = insnMovR7 | sysRtSigreturn, thumbMovR7 | sysRtSigreturn
	return first(
		arch.FindWords(code, mov, insnSvc), arch.FindWords(code, mov, insnSvc|oabiBase|sysRtSigreturn), arch.FindWords(code, mov, insnSvc|sysRtSigreturn),
		findThumb(code, movThumb, thumbSvc), findThumb(code, movThumb, thumbSvc|sysRtSigreturn),
	)
}

// load puts v into register d, on any processor.
func load(b []byte, d uint32, v uint64) []byte {
	return append(b, arch.Words(insnLdr|d<<12, insnSkip, uint32(v))...)
}

func shim(calls []arch.ShimCall, entry, tcb uint64) []byte {
	var b []byte
	for _, c := range calls {
		for i, v := range c.Args {
			b = load(b, uint32(rR0+i), v)
		}
		b = append(load(b, rR7, uint64(c.Nr)), svc...)
	}
	return append(load(b, rR8, tcb), arch.Words(insnLdrPC4, uint32(entry))...)
}
