package x86

import (
	"bytes"
	"encoding/binary"

	"woodfrog/arch"
)

var int80 = []byte{0xcd, 0x80}

func findInt80(code []byte) int { return bytes.Index(code, int80) }

// callReturn32 finds the end of __kernel_vsyscall: no other code is known to be in every task.
func callReturn32(code []byte) int { return bytes.Index(code, vsyscallEnd) }

// vsyscallPops is what that takes from the stack before the return address, bytes.
const vsyscallPops = 3 * 4

// sigreturn32 finds mov $173, %eax; int $0x80: __kernel_rt_sigreturn of the vDSO, and a C library's restorer.
func sigreturn32(code []byte) int {
	return bytes.Index(code, []byte{0xb8, 0xad, 0x00, 0x00, 0x00, 0xcd, 0x80})
}

// oldSigreturn32 finds pop %eax; mov $119, %eax; int $0x80: __kernel_sigreturn of the vDSO, and a C library's restorer.
func oldSigreturn32(code []byte) int {
	return bytes.Index(code, []byte{0x58, 0xb8, 0x77, 0x00, 0x00, 0x00, 0xcd, 0x80})
}

// shim32 is, for each call, mov of the arguments to ebx, ecx, edx, esi, edi, ebp and of the number to eax, then int $0x80; at the
// end mov tcb to eax, entry to ecx; jmp ecx (Intel SDM vol. 2, MOV, B8+rd id).
func shim32(calls []arch.ShimCall, entry, tcb uint64) []byte {
	var b []byte
	mov := func(op byte, v uint64) { b = binary.LittleEndian.AppendUint32(append(b, op), uint32(v)) }
	for _, c := range calls {
		for i, op := range [6]byte{0xbb, 0xb9, 0xba, 0xbe, 0xbf, 0xbd} {
			mov(op, c.Args[i])
		}
		mov(0xb8, uint64(c.Nr))
		b = append(b, int80...)
	}
	mov(0xb8, tcb)
	mov(0xb9, entry)
	return append(b, 0xff, 0xe1)
}
