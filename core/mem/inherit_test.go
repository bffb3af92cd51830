package mem

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

const pg = 4096

// pages makes the content of a space: runs of pages at addresses, each page filled with one byte of text, the file in step.
func pages(runs map[uint64]string, order ...uint64) (*image.PageRuns, *bytes.Reader) {
	pm := &image.PageRuns{}
	var file []byte
	for _, at := range order {
		text := runs[at]
		pm.Runs = append(pm.Runs, image.PageRun{
			Addr: at, End: at + uint64(len(text))*pg, Flags: image.PagePresent, Off: int64(len(file)),
		})
		for i := range len(text) {
			file = append(file, bytes.Repeat([]byte{text[i]}, pg)...)
		}
	}
	return pm, bytes.NewReader(file)
}

func anon(start, n uint64, prot uint32) *image.VmaEntry {
	return &image.VmaEntry{
		Start: start, End: start + n*pg, Prot: prot, Status: image.VmaRegular | image.VmaAnonPrivate, Flags: unix.MAP_PRIVATE | unix.MAP_ANONYMOUS,
	}
}

func with(v *image.VmaEntry, change func(*image.VmaEntry)) *image.VmaEntry {
	change(v)
	return v
}

func space(t *testing.T, vmas []*image.VmaEntry, text string) *Space {
	t.Helper()
	runs, order := map[uint64]string{}, []uint64(nil)
	if text != "" {
		runs[0x10000], order = text, []uint64{0x10000}
	}
	pm, file := pages(runs, order...)
	s, err := NewSpace(vmas, pm, file, false)
	require.NoError(t, err)
	s.page = pg
	return s
}

const rw = unix.PROT_READ | unix.PROT_WRITE

func TestInherit(t *testing.T) {
	const base = 0x10000
	madv := func(advice int) func(*image.VmaEntry) {
		return func(v *image.VmaEntry) { m := uint64(1) << advice; v.Madv = &m }
	}
	file := func(id, off uint64) func(*image.VmaEntry) {
		return func(v *image.VmaEntry) {
			v.Status, v.Flags, v.Shmid, v.Pgoff = image.VmaRegular|image.VmaFilePrivate, unix.MAP_PRIVATE, id, off
		}
	}
	for _, c := range []struct {
		name                 string
		maker, child         *image.VmaEntry
		makerText, childText string
		kept                 bool
		shared, compared     uint64
		fill                 []piece
		drop                 []Run
	}{
		{name: "the same", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "abcd", childText: "abcd", kept: true, shared: 4, compared: 4},
		{
			name: "one page differs", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "abcd", childText: "abXd",
			kept: true, shared: 3, compared: 4, fill: []piece{{Run{base + 2*pg, base + 3*pg}, 2 * pg}},
		},
		{
			name: "the child lacks pages", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "abcd", childText: "ab",
			kept: true, shared: 2, compared: 2, drop: []Run{{base + 2*pg, base + 4*pg}},
		},
		{
			name: "the child has more pages", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "ab", childText: "abcd",
			kept: true, shared: 2, compared: 2, fill: []piece{{Run{base + 2*pg, base + 4*pg}, 2 * pg}},
		},
		{
			name: "nothing in common", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "abcd", childText: "efgh",
			compared: 4, fill: []piece{{Run{base, base + 4*pg}, 0}},
		},
		{
			name: "too torn to be worth it", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "abcd", childText: "XbXd",
			kept: true, shared: 2, compared: 4, fill: []piece{{Run{base, base + pg}, 0}, {Run{base + 2*pg, base + 3*pg}, 2 * pg}},
		},
		{
			name: "more pieces than shared pages", maker: anon(base, 4, rw), child: anon(base, 4, rw), makerText: "abcd", childText: "XbXX",
			compared: 4, fill: []piece{{Run{base, base + 4*pg}, 0}},
		},
		{
			name: "a part of the maker's area, at other protection", maker: anon(base, 4, rw), child: anon(base+pg, 2, unix.PROT_READ),
			makerText: "abcd", childText: "abcd", kept: true, shared: 2, compared: 2,
		},
		{
			name: "grown", maker: anon(base, 2, rw), child: anon(base, 4, rw), makerText: "ab", childText: "abcd", kept: true, shared: 2, compared: 2,
			fill: []piece{{Run{base + 2*pg, base + 4*pg}, 2 * pg}},
		},
		{
			name: "more of a file", maker: with(anon(base, 2, rw), file(7, 0)), child: with(anon(base, 4, rw), file(7, 0)),
			makerText: "ab", childText: "ab", fill: []piece{{Run{base, base + 2*pg}, 0}},
		},
		{
			name: "not inherited by a fork", maker: with(anon(base, 2, rw), madv(unix.MADV_DONTFORK)), child: anon(base, 2, rw),
			makerText: "ab", childText: "ab", fill: []piece{{Run{base, base + 2*pg}, 0}},
		},
		{
			name: "wiped by a fork", maker: with(anon(base, 2, rw), madv(unix.MADV_WIPEONFORK)), child: anon(base, 2, rw),
			makerText: "ab", childText: "ab", fill: []piece{{Run{base, base + 2*pg}, 0}},
		},
		{
			name: "another kind", maker: with(anon(base, 2, rw), file(7, 0)), child: anon(base, 2, rw),
			makerText: "ab", childText: "ab", fill: []piece{{Run{base, base + 2*pg}, 0}},
		},
		{
			name: "another place in the file", maker: with(anon(base, 2, rw), file(7, pg)), child: with(anon(base, 2, rw), file(7, 0)),
			makerText: "ab", childText: "ab", fill: []piece{{Run{base, base + 2*pg}, 0}},
		},
		{
			name: "the same place in the file", maker: with(anon(base, 4, rw), file(7, pg)), child: with(anon(base+pg, 2, rw), file(7, 2*pg)),
			makerText: "abcd", childText: "abXd", kept: true, shared: 1, compared: 2, fill: []piece{{Run{base + 2*pg, base + 3*pg}, 2 * pg}},
		},
		{
			name: "a locked one: a fork does not pass that on", maker: with(anon(base, 2, rw), func(v *image.VmaEntry) { v.Flags |= unix.MAP_LOCKED }),
			child: anon(base, 2, rw), makerText: "ab", childText: "ab", kept: true, shared: 2, compared: 2,
		},
		{
			name:  "a part of a stack",
			maker: with(anon(base, 4, rw), func(v *image.VmaEntry) { v.Flags |= unix.MAP_GROWSDOWN }),
			child: with(anon(base+2*pg, 2, rw), func(v *image.VmaEntry) { v.Flags |= unix.MAP_GROWSDOWN }), makerText: "abcd", childText: "abcd",
			fill: []piece{{Run{base + 2*pg, base + 4*pg}, 2 * pg}},
		},
		{name: "a mapping without pages", maker: with(anon(base, 2, rw), file(7, 0)), child: with(anon(base, 2, rw), file(7, 0)), kept: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			maker, child := space(t, []*image.VmaEntry{c.maker}, c.makerText), space(t, []*image.VmaEntry{c.child}, c.childText)
			in, err := child.Inherit(maker)
			require.NoError(t, err)
			require.Equal(t, Inherited{Compared: c.compared, Shared: c.shared, Filled: c.shared > 0}, in)
			a := child.areas[0]
			require.Equal(t, c.kept, a.kept)
			require.Equal(t, c.fill, a.fill)
			require.Equal(t, c.drop, a.drop)
			if c.kept && c.makerText != "" {
				require.Equal(t, uint32(rw), a.cloned, "the maker's area is for writing while it is filled")
			}
		})
	}
}

// A fork that copies the page tables of a large task is not worth a few shared pages.
func TestInheritFromLarge(t *testing.T) {
	big := make([]byte, 3*worth)
	for i := range big {
		big[i] = 'a' + byte(i%20)
	}
	vmas := func(n uint64) []*image.VmaEntry { return []*image.VmaEntry{anon(0x10000, n, rw)} }
	maker := space(t, vmas(uint64(len(big))), string(big))
	for shared, filled := range map[int]bool{2: false, 3: true} {
		child := space(t, vmas(uint64(shared)), string(big[:shared]))
		in, err := child.Inherit(maker)
		require.NoError(t, err)
		require.Equal(t, filled, in.Filled, "%d pages of %d", shared, len(big))
		require.Equal(t, filled, child.areas[0].kept)
		require.Equal(t, filled, child.Fills() == 0)
	}
}

// What a grandchild compares with is its maker, which itself has only a part of its maker's pages.
func TestInheritInherited(t *testing.T) {
	vmas := []*image.VmaEntry{anon(0x10000, 3, unix.PROT_READ)}
	a, b, c := space(t, vmas, "abc"), space(t, vmas, "abX"), space(t, vmas, "aYX")
	_, err := b.Inherit(a)
	require.NoError(t, err)
	in, err := c.Inherit(b)
	require.NoError(t, err)
	require.Equal(t, uint64(2), in.Shared)
	require.Equal(t, []piece{{Run{0x11000, 0x12000}, pg}}, c.areas[0].fill)
}

func TestInheritBadFile(t *testing.T) {
	vmas := []*image.VmaEntry{anon(0x10000, 3, rw)}
	maker, child := space(t, vmas, "abc"), space(t, vmas, "abc")
	maker.content = bytes.NewReader(nil)
	_, err := child.Inherit(maker)
	require.EqualError(t, err, "vma 10000-13000: read pages at 0x0: EOF")
}
