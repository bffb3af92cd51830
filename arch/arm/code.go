package arm

import (
	"woodfrog/arch"
)

// Instructions (Arm ARM, F5.1), all of ARM state.
const (
	insnSvc    = 0xef000000 // svc 0
	insnBxLR   = 0xe12fff1e // bx lr
	insnLdr    = 0xe59f0000 // ldr d, [pc]: the word after the next instruction; d at bit 12
	insnSkip   = 0xea000000 // b to the instruction after the next
	insnLdrPC4 = 0xe51ff004 // ldr pc, [pc, #-4]: the next word
	insnMovR7  = 0xe3a07000 // mov r7, #imm8

	sysRtSigreturn = 173
)

var (
	svc      = arch.Words(insnSvc)
	svcThumb = []byte{0x00, 0xdf} // svc 0
)

func callReturn(code []byte) int { return arch.FindWords(code, insnSvc, insnBxLR) }

// sigreturn finds mov r7, #173; svc 0: in [sigpage], and a C library's restorer.
func sigreturn(code []byte) int { return arch.FindWords(code, insnMovR7|sysRtSigreturn, insnSvc) }

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
