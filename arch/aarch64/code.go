package aarch64

import (
	"encoding/binary"

	"woodfrog/arch"
)

// Instructions (Arm ARM, C6.2).
const (
	insnSvc  = 0xd4000001 // svc #0
	insnRet  = 0xd65f03c0 // ret
	insnBr16 = 0xd61f0200 // br x16
	insnMovz = 0xd2800000 // movz xd, #imm16, lsl #(16*hw): hw at bit 21, imm16 at 5, d at 0
	insnMovk = 0xf2800000
)

var svc = arch.Words(insnSvc)

func findSvc(code []byte) int { return arch.FindWords(code, insnSvc) }

func callReturn(code []byte) int { return arch.FindWords(code, insnSvc, insnRet) }

// sigreturn finds mov x8, #139; svc #0: __kernel_rt_sigreturn of the vDSO.
func sigreturn(code []byte) int { return arch.FindWords(code, insnMovz|139<<5|8, insnSvc) }

// load puts v into x-register d.
func load(b []byte, d uint32, v uint64) []byte {
	b = binary.LittleEndian.AppendUint32(b, insnMovz|uint32(v&0xffff)<<5|d)
	for hw := uint32(1); hw < 4; hw++ {
		if part := uint32(v >> (16 * hw) & 0xffff); part != 0 {
			b = binary.LittleEndian.AppendUint32(b, insnMovk|hw<<21|part<<5|d)
		}
	}
	return b
}

func shim(calls []arch.ShimCall, entry, tcb uint64) []byte {
	var b []byte
	for _, c := range calls {
		for i, v := range c.Args {
			b = load(b, uint32(i), v)
		}
		b = append(load(b, 8, uint64(c.Nr)), svc...)
	}
	return append(load(load(b, 19, tcb), 16, entry), arch.Words(insnBr16)...)
}
