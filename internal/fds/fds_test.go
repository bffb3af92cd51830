package fds

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestClose(t *testing.T) {
	const base = 300 // far from whatever else this process opens
	isOpen := func(fd int) bool {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err == nil
	}
	var all []int
	for i := range 10 {
		require.NoError(t, unix.Dup3(0, base+i, unix.O_CLOEXEC))
		if i != 3 && i != 6 {
			all = append([]int{base + i}, all...)
		}
	}
	Close(all)
	for i := range 10 {
		require.Equal(t, i == 3 || i == 6, isOpen(base+i), i)
	}
	Close([]int{base + 3})
	Close([]int{base + 6})
	Close(nil)
	require.False(t, isOpen(base+3) || isOpen(base+6))
}

func TestLater(t *testing.T) {
	const base = 400
	isOpen := func(fd int) bool {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err == nil
	}
	for i := range 2*many + 5 {
		require.NoError(t, unix.Dup3(0, base+i, unix.O_CLOEXEC))
		Later(base + i)
	}
	require.False(t, isOpen(base) || isOpen(base+2*many-1))
	require.True(t, isOpen(base+2*many))
	Flush()
	require.False(t, isOpen(base+2*many) || isOpen(base+2*many+4))
	Flush()
}

func TestGrow(t *testing.T) {
	size := func() (n int) {
		status, err := os.ReadFile("/proc/self/status")
		require.NoError(t, err)
		_, after, _ := strings.Cut(string(status), "\nFDSize:")
		_, err = fmt.Sscan(after, &n)
		require.NoError(t, err)
		return n
	}
	before := size()
	require.NoError(t, Grow(before+1))
	require.Greater(t, size(), before)
	require.ErrorIs(t, Grow(1<<30), unix.EINVAL, "more than the limit")
}
