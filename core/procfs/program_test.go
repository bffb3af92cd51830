package procfs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/arm"
	"woodfrog/arch/x86"
)

// TestProgram reads headers as linkers write them.
func TestProgram(t *testing.T) {
	const ident32 = "\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	head := func(machine byte, flags string) []byte {
		b := []byte(ident32 + "\x02\x00" + string(machine) + "\x00\x01\x00\x00\x00" + "entryphoffshof"[:12] + flags)
		return append(b, make([]byte, 52-len(b))...)
	}
	for _, c := range []struct {
		head []byte
		abi  *arch.ABI
		says string
	}{
		{head(40, "\x00\x04\x00\x05"), arm.Arm, "a 32-bit program (EM_ARM, e_flags 0x5000400)"},
		{head(40, "\x00\x00\x00\x05"), arm.Arm, "a 32-bit program (EM_ARM, e_flags 0x5000000)"},
		{head(40, "\x06\x06\x00\x00"), nil, "an arm program of OABI (e_flags 0x606)"},
		{head(40, "\x02\x00\x00\x00"), nil, "an arm program of OABI (e_flags 0x2)"},
		{head(3, "\x00\x00\x00\x00"), x86.I386, "a 32-bit program (EM_386)"},
	} {
		p := program(c.head)
		require.Equal(t, c.says, p.String())
		for _, abi := range []*arch.ABI{arm.Arm, x86.I386} {
			require.Equal(t, abi == c.abi, p.For(abi), "%s for %s", p, abi.Name)
		}
	}
}
