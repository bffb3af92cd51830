package vdso

import "bytes"

// FindInsn returns the offsets in code at which the bytes of insn stand, at multiples of align: 1 on x86, 2 in Thumb code, 4
// elsewhere. To run one instruction and stop, any place will do that is executable, even the middle of another instruction.
func FindInsn(code, insn []byte, align int) []uint64 {
	if len(insn) == 0 {
		return nil
	}
	var all []uint64
	for from := 0; ; {
		i := bytes.Index(code[from:], insn)
		if i < 0 {
			return all
		}
		if from += i; from%align == 0 {
			all = append(all, uint64(from))
		}
		from++
	}
}
