package x86

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"
)

// What a disassembler knows, too, is as long as it says, and leads to where it says.
func TestInstructionsAreThoseOfTheDisassembler(t *testing.T) {
	lost := []x86asm.Op{x86asm.RET, x86asm.LRET, x86asm.IRET, x86asm.SYSENTER, x86asm.SYSEXIT, x86asm.UD2, x86asm.HLT}
	random := rand.New(rand.NewPCG(1, 2))
	known := map[insn]int{}
	code := make([]byte, longest+1)
	for range 300_000 {
		for i := range code {
			code[i] = byte(random.Uint32())
		}
		if random.IntN(2) == 0 {
			code[0] = []byte{0x0f, 0x66, 0xf3, 0x48, 0x41, 0xe8, 0xe9, 0xeb, 0x75, 0xc7, 0xf7, 0xff}[random.IntN(12)]
		}
		for _, long := range []bool{false, true} {
			mode := 32
			if long {
				mode = 64
			}
			i := decode(code, long)
			want, err := x86asm.Decode(code, mode)
			if err != nil || want.Op == 0 || i.size == 0 {
				continue
			}
			expect := insn{size: want.Len}
			if rel, direct := want.Args[0].(x86asm.Rel); direct {
				if expect.flow, expect.after = branch, int64(rel); want.Op == x86asm.JMP {
					expect.flow = jump
				}
			}
			if i != expect || slices.Contains(lost, want.Op) {
				require.Fail(t, "not the same", "%d: % x %v: %+v", mode, code, want, i)
			}
			known[insn{size: i.size, flow: i.flow}]++
		}
	}
	for size := 1; size <= 10; size++ {
		require.Greater(t, known[insn{size: size}], 100, size)
	}
	for _, i := range []insn{{size: 2, flow: jump}, {size: 5, flow: jump}, {size: 2, flow: branch}, {size: 5, flow: branch}} {
		require.Greater(t, known[i], 100, i)
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		text     string
		code     []byte
		bits32   insn
		bits64   insn
		shortest bool // a byte less is none
	}{
		{"endbr64", []byte{0xf3, 0x0f, 0x1e, 0xfa}, insn{size: 4}, insn{size: 4}, true},
		{"rdtsc", []byte{0x0f, 0x31}, insn{size: 2}, insn{size: 2}, true},
		{"rdtscp", []byte{0x0f, 0x01, 0xf9}, insn{size: 3}, insn{size: 3}, true},
		{"pause", []byte{0xf3, 0x90}, insn{size: 2}, insn{size: 2}, true},
		{"syscall", []byte{0x0f, 0x05}, insn{}, insn{size: 2}, true},
		{"int $0x80", []byte{0xcd, 0x80}, insn{size: 2}, insn{size: 2}, true},
		{"int $0x81", []byte{0xcd, 0x81}, insn{}, insn{}, false},
		{"sysenter", []byte{0x0f, 0x34}, insn{}, insn{}, false},
		{"mov rax, fs:0", []byte{0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}, insn{size: 2}, insn{size: 9}, false},
		{"movabs", []byte{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, insn{size: 1}, insn{size: 10}, false},
		{"lea rdi, [rip-1]", []byte{0x48, 0x8d, 0x3d, 0xff, 0xff, 0xff, 0xff}, insn{size: 1}, insn{size: 7}, false},
		{"mov word [rax], 1", []byte{0x66, 0xc7, 0x00, 1, 0}, insn{size: 5}, insn{size: 5}, true},
		{"test al, 1", []byte{0xf6, 0xc0, 1}, insn{size: 3}, insn{size: 3}, true},
		{"neg al", []byte{0xf6, 0xd8}, insn{size: 2}, insn{size: 2}, true},
		{"pshufd", []byte{0x66, 0x0f, 0x70, 0xc0, 0x93}, insn{size: 5}, insn{size: 5}, true},
		{"jne back", []byte{0x75, 0xf0}, insn{2, branch, -16}, insn{2, branch, -16}, true},
		{"je far", []byte{0x0f, 0x84, 0, 1, 0, 0}, insn{6, branch, 256}, insn{6, branch, 256}, true},
		{"call", []byte{0xe8, 0, 1, 0, 0}, insn{5, branch, 256}, insn{5, branch, 256}, true},
		{"jmp", []byte{0xe9, 0, 1, 0, 0}, insn{5, jump, 256}, insn{5, jump, 256}, true},
		{"jmp short", []byte{0xeb, 0xfe}, insn{2, jump, -2}, insn{2, jump, -2}, true},
		{"jmp with an operand size", []byte{0x66, 0xe9, 0, 1, 0, 0}, insn{}, insn{}, false},
		{"ret", []byte{0xc3}, insn{}, insn{}, false},
		{"jmp *rax", []byte{0xff, 0xe0}, insn{}, insn{}, false},
		{"notrack jmp *r8", []byte{0x3e, 0x41, 0xff, 0xe0}, insn{size: 2}, insn{}, false},
		{"call *[rax]", []byte{0xff, 0x10}, insn{}, insn{}, false},
		{"push [rax]", []byte{0xff, 0x30}, insn{size: 2}, insn{size: 2}, true},
		{"vmovups", []byte{0xc5, 0xf8, 0x10, 0x00}, insn{}, insn{}, false},
		{"ud2", []byte{0x0f, 0x0b}, insn{}, insn{}, false},
		{"address size", []byte{0x67, 0x8b, 0x00}, insn{}, insn{size: 3}, false},
		{"prefixes alone", []byte{0x66, 0x66, 0x48}, insn{size: 3}, insn{}, false},
	} {
		require.Equal(t, c.bits32, decode(c.code, false), c.text)
		require.Equal(t, c.bits64, decode(c.code, true), c.text)
		if c.shortest {
			require.Equal(t, insn{}, decode(c.code[:len(c.code)-1], true), c.text)
		}
	}
}
