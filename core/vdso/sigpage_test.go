package vdso

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// sigpage is a page as the kernel makes it: one word all over, and code.
func sigpage(fill uint32, at int, code string) []byte {
	var b []byte
	for range 1024 {
		b = binary.LittleEndian.AppendUint32(b, fill)
	}
	copy(b[at:], code)
	return b
}

func TestMergeSigpage(t *testing.T) {
	const poison, code = 0xe7fddef1, "mov r7, 119; svcmov r7, 173; svc"
	first := sigpage(poison, 0x100, code)
	merged, ok := MergeSigpage(first, first)
	require.True(t, ok)
	require.Nil(t, merged, "the same boot")

	// boots with other places, and a kernel with another filler, one after the other: code of all of them stays, the page is one page
	page := first
	for i, rt := range [][]byte{sigpage(poison, 0x800, code), sigpage(0, 0, code), sigpage(poison, 0x800, code)} {
		merged, ok = MergeSigpage(page, rt)
		require.True(t, ok, i)
		require.Equal(t, code, string(merged[0x100:][:len(code)]), "frames of the first boot")
		at := bytes.Index(rt, []byte(code))
		require.Equal(t, code, string(merged[at:][:len(code)]), "the kernel's own")
		page = merged
	}
	merged, ok = MergeSigpage(page, page)
	require.True(t, ok)
	require.Nil(t, merged)

	_, ok = MergeSigpage(first, sigpage(poison, 0x108, code))
	require.False(t, ok, "two pieces of code at one place")
	_, ok = MergeSigpage(first, sigpage(poison, 0x100+len(code), code))
	require.True(t, ok, "next to each other")
	_, ok = MergeSigpage(first[:2048], first)
	require.False(t, ok, "pages of two sizes")
}
