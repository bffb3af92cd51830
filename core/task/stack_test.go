package task

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
)

func TestStackReaderTouchesNothing(t *testing.T) {
	page := os.Getpagesize()
	b, err := unix.Mmap(-1, 0, 16*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	defer unix.Munmap(b)
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	start := uint64(reflect.ValueOf(b).Pointer())
	want := make([]byte, len(b))
	for _, at := range []int{3 * page, 4*page - 1, 5*page + 8, 12*page + 100} {
		b[at], want[at] = 7, 7
	}
	proc, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer proc.Close()
	m := procfs.Smap{Map: procfs.Map{Start: start, End: start + uint64(len(b))}}
	task := &Task{Pid: os.Getpid(), Proc: proc, Areas: []procfs.Smap{m}}
	stacks := stackReader{t: task}
	defer stacks.close()
	for _, at := range []int{0, 8, 3*page + 16, 6 * page, 15*page + 8} {
		got := stacks.read(start + uint64(at))
		require.True(t, bytes.HasPrefix(want[at:], got), at)
		require.True(t, len(bytes.TrimRight(want[at:], "\x00")) <= len(got), at)
	}
	require.Nil(t, stacks.read(0))
	touched := 0
	for _, e := range pageEntries(os.Getpid(), m.Start, m.End) {
		if e.Present() {
			touched++
		}
	}
	require.Equal(t, 3, touched)
	// what lies behind memory that cannot be read is left out
	require.NoError(t, unix.Mprotect(b[5*page:6*page], unix.PROT_NONE))
	require.True(t, bytes.Equal(want[page:5*page], stacks.read(start+uint64(page))))
}
