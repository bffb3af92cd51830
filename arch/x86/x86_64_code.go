package x86

import "bytes"

var syscall64 = []byte{0x0f, 0x05}

func findSyscall(code []byte) int { return bytes.Index(code, syscall64) }

// callReturn64 finds syscall; ret. Kernels built with -fzero-call-used-regs clear registers in between (xor r32, r32, with or
// without a REX prefix): 31 /r or 45 31 /r (Intel SDM vol. 2, XOR). Every vDSO since 5.10 has one, in clock_getres.
func callReturn64(code []byte) int {
	for at := 0; ; at++ {
		i := bytes.Index(code[at:], syscall64)
		if i < 0 {
			return -1
		}
		at += i
		rest := code[at+2:]
		for {
			if len(rest) > 2 && rest[0] == 0x31 && rest[1] >= 0xc0 {
				rest = rest[2:]
			} else if len(rest) > 3 && rest[0] == 0x45 && rest[1] == 0x31 && rest[2] >= 0xc0 {
				rest = rest[3:]
			} else {
				break
			}
		}
		if len(rest) > 0 && rest[0] == 0xc3 {
			return at
		}
	}
}

// sigreturn64 finds mov $15, %rax or %eax; syscall: the restorer that every C library and Go's runtime brings.
func sigreturn64(code []byte) int {
	tail := []byte{0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05}
	for at := 0; ; at++ {
		i := bytes.Index(code[at:], tail)
		if i < 0 {
			return -1
		}
		at += i
		switch {
		case at >= 3 && bytes.Equal(code[at-3:at], []byte{0x48, 0xc7, 0xc0}):
			return at - 3
		case at >= 1 && code[at-1] == 0xb8:
			return at - 1
		}
	}
}
