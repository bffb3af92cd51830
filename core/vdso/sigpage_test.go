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
	merged, ok := MergeSigpage(first, first, nil)
	require.True(t, ok)
	require.Nil(t, merged, "the same boot")

	// boots with other places, and a kernel with another filler, one after the other: code of all of them stays, the page is one page
	page := first
	for i, rt := range [][]byte{sigpage(poison, 0x800, code), sigpage(0, 0, code), sigpage(poison, 0x800, code)} {
		merged, ok = MergeSigpage(page, rt, nil)
		require.True(t, ok, i)
		require.Equal(t, code, string(merged[0x100:][:len(code)]), "frames of the first boot")
		at := bytes.Index(rt, []byte(code))
		require.Equal(t, code, string(merged[at:][:len(code)]), "the kernel's own")
		page = merged
	}
	merged, ok = MergeSigpage(page, page, nil)
	require.True(t, ok)
	require.Nil(t, merged)

	_, ok = MergeSigpage(first, sigpage(poison, 0x100+len(code), code), nil)
	require.True(t, ok, "next to each other")
	_, ok = MergeSigpage(first[:2048], first, nil)
	require.False(t, ok, "pages of two sizes")
}

// TestMergeSigpageConflict: where two kernels have code at one place, that to which nothing returns is given up.
func TestMergeSigpageConflict(t *testing.T) {
	const poison, code = 0xe7fddef1, "mov1svc1thm1mov2svc2thm2fdpic..."
	image, rt := sigpage(poison, 0x100, code), sigpage(poison, 0x110, code)
	merged, ok := MergeSigpage(image, rt, nil)
	require.True(t, ok)
	require.Nil(t, merged, "nothing returns")
	merged, ok = MergeSigpage(image, rt, []uint64{0x100})
	require.True(t, ok, "in front of this kernel's")
	require.Equal(t, "mov1svc1\xf1\xde\xfd\xe7\xf1\xde\xfd\xe7"+code, string(merged[0x100:0x110+len(code)]))
	_, ok = MergeSigpage(image, rt, []uint64{0x100, 0x10c})
	require.False(t, ok, "the call is where this kernel has another instruction")
	merged, ok = MergeSigpage(rt, image, []uint64{0x11c})
	require.True(t, ok, "over what only programs of FDPIC use")
	require.Equal(t, code[:24], string(merged[0x100:0x118]))
	require.Equal(t, "mov2svc2", string(merged[0x11c:0x124]))
}
