package x86

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLead(t *testing.T) {
	const at = 0xfffff000 // the last page of 32 bits, with the code at its end
	code := []byte{
		0xf3, 0x90, // 0: pause
		0x0f, 0x31, // 2: rdtsc
		0x75, 0xfa, // 4: jne 0
		0x74, 0x03, // 6: je 11
		0x90, 0xff, 0xe0, // 8: nop; 9: jmp *rax
		0xeb, 0x03, // 11: jmp 16
		0xff, 0xff, 0xff, // none
		0xc3, // 16: ret
	}
	start := at + pageSize - uint64(len(code))
	read := func(addr uint64, b []byte) error {
		if addr < start || addr+uint64(len(b)) > start+uint64(len(code)) {
			return fmt.Errorf("memory at %#x: there is none", addr)
		}
		copy(b, code[addr-start:])
		return nil
	}
	within := func(pc uint64) bool { return start <= pc && pc < start+uint64(len(code)) }
	for _, c := range []struct {
		here uint64
		most int
		want []uint64
	}{
		{0, 4, []uint64{9, 16}}, // out of the loop, to the ends
		{0, 1, []uint64{6}},
		{6, 1, nil}, // a step
		{6, 2, []uint64{9, 16}},
		{11, 1, []uint64{16}},
		{9, 4, nil},
		{16, 4, nil},
	} {
		gpr64, gpr32 := make([]byte, 27*8), make([]byte, 17*4)
		regs64{}.SetPC(gpr64, start+c.here)
		regs32{}.SetPC(gpr32, start+c.here)
		var want []uint64
		for _, to := range c.want {
			want = append(want, start+to)
		}
		to, err := lead64(gpr64, c.most, within, read)
		require.NoError(t, err)
		require.ElementsMatch(t, want, to, "%d", c.here)
		to, err = lead32(gpr32, c.most, within, read)
		require.NoError(t, err)
		require.ElementsMatch(t, want, to, "%d", c.here)
	}
}
