package compat_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/arm"
	"woodfrog/arch/x86"
	"woodfrog/compat"
)

func TestWords(t *testing.T) {
	words := []uint64{6, 4096, 33, 0xf7f00000, 0, 0}
	saved := compat.KernelWords(x86.I386, words)
	require.Equal(t, []uint64{4096<<32 | 6, 0xf7f00000<<32 | 33, 0}, saved)
	require.Equal(t, words, compat.TaskWords(x86.I386, saved))
	require.Equal(t, words, compat.KernelWords(x86.X86_64, words))
	require.Equal(t, words, compat.TaskWords(x86.X86_64, words))
	require.Equal(t, words, compat.KernelWords(arm.OnArm64, words), "as on arm kernels")
	require.Equal(t, words, compat.TaskWords(arm.OnArm64, words))
}

// TestSiginfo: a kernel's structure with a number in each of its fields, and where a 32-bit task has them (include/linux/compat.h).
func TestSiginfo(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		name string
		sig  unix.Signal
		code int32
		from map[int]uint32 // offsets of the kernel's, low halves
		to   map[int]uint32
	}{
		{"kill", unix.SIGUSR1, 0, map[int]uint32{16: 1, 20: 2}, map[int]uint32{12: 1, 16: 2}},
		{"tkill", unix.SIGUSR1, -6, map[int]uint32{16: 1, 20: 2, 24: 3}, map[int]uint32{12: 1, 16: 2, 20: 3}},
		{"queue", unix.Signal(40), -1, map[int]uint32{16: 1, 20: 2, 24: 3}, map[int]uint32{12: 1, 16: 2, 20: 3}},
		{"timer", unix.SIGALRM, -2, map[int]uint32{16: 7, 20: 1, 24: 9}, map[int]uint32{12: 7, 16: 1, 20: 9}},
		{"kernel", unix.SIGALRM, 0x80, map[int]uint32{16: 1, 20: 2}, map[int]uint32{12: 1, 16: 2}},
		{"child", unix.SIGCHLD, 1, map[int]uint32{16: 1, 20: 2, 24: 3, 32: 4, 40: 5}, map[int]uint32{12: 1, 16: 2, 20: 3, 24: 4, 28: 5}},
		{"fault", unix.SIGSEGV, 1, map[int]uint32{16: 0xf7000000}, map[int]uint32{12: 0xf7000000}},
		{"protection key", unix.SIGSEGV, 4, map[int]uint32{16: 1, 32: 5}, map[int]uint32{12: 1, 20: 5}},
		{"poll", unix.SIGPOLL, 1, map[int]uint32{16: 65, 24: 3}, map[int]uint32{12: 65, 16: 3}},
		{"poll by another signal", unix.Signal(42), 2, map[int]uint32{16: 65, 24: 3}, map[int]uint32{12: 65, 16: 3}},
		{"sigio", unix.Signal(42), -5, map[int]uint32{16: 65, 24: 3}, map[int]uint32{12: 65, 16: 3}},
		{"seccomp", unix.SIGSYS, 1, map[int]uint32{16: 1, 24: 39, 28: 0x40000003}, map[int]uint32{12: 1, 16: 39, 20: 0x40000003}},
	} {
		kernel, want := make([]byte, 128), make([]byte, 128)
		for _, b := range [][]byte{kernel, want} {
			le.PutUint32(b, uint32(c.sig))
			le.PutUint32(b[4:], 77)
			le.PutUint32(b[8:], uint32(c.code))
		}
		for at, v := range c.from {
			le.PutUint32(kernel[at:], v)
		}
		for at, v := range c.to {
			le.PutUint32(want[at:], v)
		}
		require.Equal(t, want, compat.Siginfo(x86.I386, kernel), c.name)
		require.Equal(t, kernel, compat.Siginfo(x86.X86_64, kernel), c.name)
		// an arm task's is in the image as an arm kernel shows it
		require.Equal(t, want, compat.ImageSiginfo(arm.OnArm64, kernel), c.name)
		require.Equal(t, want, compat.Siginfo(arm.OnArm64, want), c.name)
		for _, abi := range []*arch.ABI{arm.Arm, x86.I386, x86.X86_64} {
			require.Equal(t, kernel, compat.ImageSiginfo(abi, kernel), c.name)
		}
	}
	require.Len(t, compat.Siginfo(x86.I386, make([]byte, 16)), 16, "too short to be one")
}
