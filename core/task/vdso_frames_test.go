package task

import (
	"bytes"
	"debug/elf"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/core/procfs"
)

// A handler of Go's that has not looked for its g yet finds it where a finished function leaves it; one that has keeps what it has. This
// test is a program that was linked by Go.
func TestLendG(t *testing.T) {
	proc, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer proc.Close()
	abi := &arch.ABI{Class: elf.ELFCLASS32, VDSO: arch.VDSO{GoG: 4, GoCalls: map[string]bool{"clock_gettime": true}}}
	th := &Thread{Task: &Task{Proc: proc, ABI: abi}}
	registers := func(g byte) []byte { return []byte{1, 2, 3, 4, g, g, g, g, 5, 6, 7, 8} }
	before, after := registers(0xff), []byte{9, 9, 9, 9, 0x60, 0x60, 0x60, 0x60, 9, 9, 9, 9}
	early, late := registers(0xff), registers(0x77)
	require.True(t, th.lendG(before, after, early))
	require.False(t, th.lendG(before, after, late))
	require.Equal(t, registers(0x60), early)
	require.Equal(t, registers(0x77), late)

	abi.VDSO.GoCalls = nil // no vDSO of this ABI takes the register
	early = bytes.Clone(before)
	require.False(t, th.lendG(before, after, early))
	require.Equal(t, before, early)
}
