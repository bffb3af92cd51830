package arch_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/arm"
	"woodfrog/arch/x86"
)

// TestStruct compares with what a C compiler makes of these structures (include/uapi).
func TestStruct(t *testing.T) {
	sigaction := func(a *arch.ABI) []byte { return a.Struct().Word(1, 2, 3).Set(4).Bytes() }
	flock := func(a *arch.ABI) []byte { return a.Struct().U16(1).U16(0).U64(2, 3).U32(4).Bytes() }
	stack := func(a *arch.ABI) []byte { return a.Struct().Word(1).U32(2).Word(3).Bytes() }
	mmMap := func(a *arch.ABI) []byte { return a.Struct().U64(1).KernelWord(2).U32(3, 4).Bytes() }
	for _, c := range []struct {
		name string
		abi  *arch.ABI
		make func(*arch.ABI) []byte
		want string
	}{
		{"sigaction", x86.X86_64, sigaction, "0100000000000000" + "0200000000000000" + "0300000000000000" + "0400000000000000"},
		{"sigaction", x86.I386, sigaction, "01000000" + "02000000" + "03000000" + "0400000000000000"},
		{"sigaction", arm.Arm, sigaction, "01000000" + "02000000" + "03000000" + "0400000000000000"},
		{"flock64", x86.X86_64, flock, "0100" + "0000" + "00000000" + "0200000000000000" + "0300000000000000" + "04000000"},
		{"flock64", x86.I386, flock, "0100" + "0000" + "0200000000000000" + "0300000000000000" + "04000000"},
		{"flock64", arm.Arm, flock, "0100" + "0000" + "00000000" + "0200000000000000" + "0300000000000000" + "04000000"},
		{"stack_t", x86.X86_64, stack, "0100000000000000" + "02000000" + "00000000" + "0300000000000000"},
		{"stack_t", x86.I386, stack, "01000000" + "02000000" + "03000000"},
		{"prctl_mm_map", x86.X86_64, mmMap, "0100000000000000" + "0200000000000000" + "03000000" + "04000000"},
		{"prctl_mm_map", x86.I386, mmMap, "0100000000000000" + "0200000000000000" + "03000000" + "04000000"},
		{"prctl_mm_map", arm.Arm, mmMap, "0100000000000000" + "02000000" + "03000000" + "04000000"},
	} {
		require.Equal(t, c.want, hex.EncodeToString(c.make(c.abi)), "%s of %s", c.name, c.abi.Name)
	}
}

func TestFields(t *testing.T) {
	for _, a := range []*arch.ABI{x86.X86_64, x86.I386, arm.Arm} {
		f := a.Fields(a.Struct().Word(1).U32(2).U64(3).U32(4).Word(5).Set(6).Bytes())
		require.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, []uint64{f.Word(), uint64(f.U32()), f.U64(), uint64(f.U32()), f.Word(), f.Set()}, a.Name)
	}
}

func TestAddress(t *testing.T) {
	require.EqualValues(t, uint64(0xf7f00000), x86.I386.Address(-0x8100000))
	require.EqualValues(t, uint64(1<<40), x86.X86_64.Address(1<<40))
}
