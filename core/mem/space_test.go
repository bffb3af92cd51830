package mem

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/x86"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// listing is what a program's operations are, without how often its data moved.
func listing(t *testing.T, build func(p *stub.Program)) string {
	t.Helper()
	fd, err := stub.NewMemfd(1 << 20)
	require.NoError(t, err)
	area, err := stub.NewArea([]*arch.ABI{x86.X86_64}, fd, 1<<20, pg, 0x7f0000000000)
	require.NoError(t, err)
	require.NoError(t, unix.Close(fd))
	defer area.Close()
	p := area.NewProgram(x86.X86_64)
	build(p)
	return regexp.MustCompile(`(?m)^ *\d+ +`).ReplaceAllString(p.String(), "")
}

// mapped gives every area descriptor 5.
type mapped struct{}

func (mapped) Mapped(*image.VmaEntry) (int, error) { return 5, nil }

func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

var stubArea = Run{0x7f0000000000, 0x7f0000100000}

const taskSize = 0x7ffffffff000

func TestMapAndSeal(t *testing.T) {
	advice := uint64(1<<unix.MADV_HUGEPAGE | 1<<unix.MADV_DONTFORK)
	vmas := []*image.VmaEntry{
		anon(0x10000, 2, unix.PROT_READ),
		anon(0x20000, 1, unix.PROT_READ),
		with(anon(0x30000, 1, rw), func(v *image.VmaEntry) {
			v.Status, v.Flags, v.Pgoff = image.VmaRegular|image.VmaFileShared|image.VmaMemfd, unix.MAP_SHARED|unix.MAP_LOCKED, 3*pg
		}),
		with(anon(0x40000, 1, rw), func(v *image.VmaEntry) { v.Status = image.VmaRegular | image.VmaVdso | image.VmaAnonPrivate }),
		with(anon(0x50000, 1, rw), func(v *image.VmaEntry) { v.Madv = &advice; v.Flags |= unix.MAP_LOCKED }),
		{Start: 0x11000, End: 0x12000, Status: image.VmaGuard},
		{Start: 0x50000, End: 0x51000, Status: image.VmaGuard},
	}
	s := space(t, vmas, "a")
	require.Equal(t, lines(
		"munmap(0, 0x7f0000000000)",
		"munmap(0x7f0000100000, 0xffffeff000)",
		"mmap(0x10000, 8192, 3, 50, -1, 0) = 0x10000!",
		"mmap(0x20000, 4096, 1, 50, -1, 0) = 0x20000!",
		"mmap(0x30000, 4096, 3, 17, 5, 12288) = 0x30000!",
		"mmap(0x50000, 4096, 3, 50, -1, 0) = 0x50000!",
	), listing(t, func(p *stub.Program) { require.NoError(t, s.Map(p, mapped{}, stubArea, taskSize)) }))
	require.Equal(t, lines(
		"mprotect(0x10000, 8192, 1)",
		"mlock2(0x30000, 4096, 1)",
		"mlock(0x30000, 4096) ignore",
		"madvise(0x50000, 4096, 10)",
		"madvise(0x50000, 4096, 14)",
		"madvise(0x11000, 4096, 102)",
		"madvise(0x50000, 4096, 102)",
		"mlock2(0x50000, 4096, 1)", // after its guard
	), listing(t, s.Seal))
}

// Neighbours that are alike while content comes in are made by one call.
func TestMapNeighbours(t *testing.T) {
	locked := func(v *image.VmaEntry) { v.Flags |= unix.MAP_LOCKED }
	down := func(v *image.VmaEntry) { v.Flags |= unix.MAP_GROWSDOWN }
	vmas := []*image.VmaEntry{
		anon(0x10000, 1, unix.PROT_READ), with(anon(0x11000, 2, rw), locked), anon(0x13000, 1, unix.PROT_NONE), anon(0x14000, 1, unix.PROT_NONE),
		anon(0x16000, 1, unix.PROT_NONE), with(anon(0x17000, 1, rw), down), with(anon(0x18000, 1, rw), down),
		with(anon(0x19000, 1, rw), func(v *image.VmaEntry) { v.Status |= image.VmaFilePrivate }),
	}
	s := space(t, vmas, "a")
	require.Equal(t, lines(
		"munmap(0, 0x7f0000000000)",
		"munmap(0x7f0000100000, 0xffffeff000)",
		"mmap(0x10000, 12288, 3, 50, -1, 0) = 0x10000!",
		"mmap(0x13000, 8192, 0, 50, -1, 0) = 0x13000!",
		"mmap(0x16000, 4096, 0, 50, -1, 0) = 0x16000!",
		"mmap(0x17000, 4096, 3, 306, -1, 0) = 0x17000!",
		"mmap(0x18000, 4096, 3, 306, -1, 0) = 0x18000!",
		"mmap(0x19000, 4096, 3, 18, 5, 0) = 0x19000!",
	), listing(t, func(p *stub.Program) { require.NoError(t, s.Map(p, mapped{}, stubArea, taskSize)) }))
	require.Equal(t, lines("mprotect(0x10000, 4096, 1)", "mlock2(0x11000, 8192, 1)"), listing(t, s.Seal))
}

// Code cannot be executed before it is there, also in a child that has other code than its maker.
func TestMapCode(t *testing.T) {
	const rx = unix.PROT_READ | unix.PROT_EXEC
	code := []*image.VmaEntry{anon(0x10000, 2, rx)}
	maker, child := space(t, code, "ab"), space(t, code, "aX")
	require.Equal(t, lines("munmap(0, 0x7f0000000000)", "munmap(0x7f0000100000, 0xffffeff000)", "mmap(0x10000, 8192, 3, 50, -1, 0) = 0x10000!"),
		listing(t, func(p *stub.Program) { require.NoError(t, maker.Map(p, mapped{}, stubArea, taskSize)) }))
	require.Equal(t, lines("mprotect(0x10000, 8192, 5)"), listing(t, maker.Seal))
	child.areas[0].fill = nil
	kept := &common{area: &child.areas[0], maker: &maker.areas[0], own: maker.areas[0].fill, shared: 1}
	require.True(t, kept.keep(true))
	require.EqualValues(t, rw, child.areas[0].prot)
	maker.areas[0].prot = rx // had it not been filled
	require.True(t, kept.keep(true))
	require.EqualValues(t, rw, child.areas[0].prot)
	require.Equal(t, lines("mprotect(0x10000, 8192, 5)"), listing(t, child.Seal))
}

// A child keeps what is the same, loses what it has not and maps the rest.
func TestMapInherited(t *testing.T) {
	vdso := with(anon(0x70000, 1, rw), func(v *image.VmaEntry) { v.Status = image.VmaRegular | image.VmaVdso | image.VmaAnonPrivate })
	maker := space(t, []*image.VmaEntry{anon(0x10000, 4, unix.PROT_READ), anon(0x20000, 1, rw), anon(0x30000, 1, rw), vdso}, "abcd")
	child := space(t, []*image.VmaEntry{anon(0x10000, 3, unix.PROT_NONE), anon(0x40000, 2, rw), vdso}, "aX")
	_, err := child.Inherit(maker)
	require.NoError(t, err)
	require.False(t, child.areas[0].kept, "one page of two")
	require.False(t, child.KeepsVdso(), "nothing else is kept")

	child = space(t, []*image.VmaEntry{anon(0x10000, 3, unix.PROT_NONE), anon(0x40000, 2, rw), vdso}, "ab")
	_, err = child.Inherit(maker)
	require.NoError(t, err)
	require.True(t, child.KeepsVdso())
	require.Equal(t, lines(
		"munmap(0x13000, 0x5d000)",
		"madvise(0x12000, 4096, 4)",
		"mmap(0x40000, 8192, 3, 50, -1, 0) = 0x40000!",
	), listing(t, func(p *stub.Program) {
		require.NoError(t, child.Map(p, mapped{}, Run{0x90000, 0xa0000}, taskSize))
	}))
	require.Equal(t, lines("mprotect(0x10000, 12288, 0)"), listing(t, child.Seal))
}

// A heap that has grown since the fork grows again, into room that is made first.
func TestMapGrown(t *testing.T) {
	maker := space(t, []*image.VmaEntry{anon(0x10000, 2, rw), anon(0x13000, 1, rw)}, "ab")
	child := space(t, []*image.VmaEntry{anon(0x10000, 4, unix.PROT_READ)}, "abcd")
	_, err := child.Inherit(maker)
	require.NoError(t, err)
	require.Equal(t, lines("munmap(0x12000, 0x7effffff3000)", "mremap(0x10000, 8192, 16384, 0) = 0x10000!"),
		listing(t, func(p *stub.Program) {
			require.NoError(t, child.Map(p, mapped{}, Run{0x7f0000005000, 0x7f0000006000}, taskSize))
		}))
	require.Equal(t, lines("mprotect(0x10000, 16384, 1)"), listing(t, child.Seal))
}

// Reserved address space does not grow out of memory: the kernel may not have that much.
func TestMapReserved(t *testing.T) {
	maker := space(t, []*image.VmaEntry{anon(0x10000, 4, rw)}, "ab")
	child := space(t, []*image.VmaEntry{anon(0x12000, 100_000, unix.PROT_NONE)}, "")
	_, err := child.Inherit(maker)
	require.NoError(t, err)
	listed := listing(t, func(p *stub.Program) {
		require.NoError(t, child.Map(p, mapped{}, Run{0x7f0000005000, 0x7f0000006000}, taskSize))
	})
	require.NotContains(t, listed, "mremap")
	require.Contains(t, listed, "mmap(0x12000, 0x186a0000, 0,")
}

func TestGapsAroundTheStub(t *testing.T) {
	maker := space(t, []*image.VmaEntry{anon(0x10000, 1, rw), anon(0x20000, 1, rw), anon(0x50000, 1, rw), anon(0x60000, 1, rw)}, "a")
	child := space(t, []*image.VmaEntry{anon(0x10000, 1, rw), anon(0x60000, 1, rw)}, "a")
	_, err := child.Inherit(maker)
	require.NoError(t, err)
	require.Equal(t, []Run{{0x11000, 0x30000}, {0x40000, 0x60000}}, child.gaps(Run{0x30000, 0x40000}, taskSize))
	require.Equal(t, []Run{{0x11000, 0x60000}}, child.gaps(Run{0x70000, 0x80000}, taskSize))
	require.Equal(t, []Run{{0x11000, 0x60000}}, child.gaps(Run{0x1000, 0x2000}, taskSize))
}

// Pages of neighbouring areas are one entry of the page map: each area gets its part.
func TestDroppable(t *testing.T) {
	vmas := []*image.VmaEntry{
		anon(0x10000, 1, rw),
		with(anon(0x11000, 1, rw), func(v *image.VmaEntry) { v.Flags = mapDroppable | unix.MAP_ANON }),
	}
	require.False(t, HasDroppable(vmas[:1]))
	require.True(t, HasDroppable(vmas))
	made := func(s *Space) string {
		return listing(t, func(p *stub.Program) {
			require.NoError(t, s.Map(p, mapped{}, stubArea, taskSize))
			s.Fill(5, p)
			s.Seal(p)
		})
	}
	s := space(t, vmas, "ab")
	text := made(s)
	require.Contains(t, text, "mmap(0x11000, 4096, 3, 56, -1, 0)")
	require.Equal(t, uint64(pg), s.Fills(), "what an image has of it is not for a second restore")
	s.WithoutDroppable()
	text = made(s)
	require.Contains(t, text, "mmap(0x11000, 4096, 3, 16434, -1, 0)")
	require.Contains(t, text, "madvise(0x11000, 4096, 18)")
	require.Equal(t, uint64(pg), s.Fills())
	require.Nil(t, vmas[1].Madv, "the image stays as it is")
}

func TestNewSpaceSplitsRuns(t *testing.T) {
	s := space(t, []*image.VmaEntry{anon(0x10000, 1, rw), anon(0x11000, 2, unix.PROT_READ), anon(0x13000, 1, unix.PROT_READ)}, "abc")
	require.Equal(t, []piece{{Run{0x10000, 0x11000}, 0}}, s.areas[0].fill)
	require.Equal(t, []piece{{Run{0x11000, 0x13000}, pg}}, s.areas[1].fill)
	require.Equal(t, uint32(rw), s.areas[1].prot)
	require.Empty(t, s.areas[2].fill)
	require.Equal(t, uint32(unix.PROT_READ), s.areas[2].prot)
	require.Equal(t, uint64(3*pg), s.Fills())

	pm, file := pages(map[uint64]string{0x10000: "a"}, 0x10000)
	pm.Runs[0].Flags = image.PageParent
	_, err := NewSpace([]*image.VmaEntry{anon(0x10000, 1, rw)}, pm, file, false)
	require.EqualError(t, err, "pages at 0x10000: not in this image")
}

func TestFill(t *testing.T) {
	pm, file := pages(map[uint64]string{0x10000: "ab", 0x12000: "c", 0x20000: "def", 0x30000: "g"}, 0x10000, 0x12000, 0x20000, 0x30000)
	vmas := []*image.VmaEntry{
		anon(0x10000, 3, rw),
		with(anon(0x20000, 3, rw), func(v *image.VmaEntry) { v.Status |= image.VmaVdso }),
		anon(0x30000, 1, rw),
	}
	s, err := NewSpace(vmas, pm, file, false)
	require.NoError(t, err)
	s.page = pg
	require.Equal(t, lines(
		"preadv(9, &[16], 1, 0) = 0x3000!", // one run in memory and in the file
		"preadv(9, &[16], 1, 24576) = 0x1000!",
	), listing(t, func(p *stub.Program) { s.Fill(9, p) }))
	var first, second *stub.Program
	listing(t, func(p *stub.Program) {
		first, second = p, p.Area.NewProgram(x86.X86_64)
		s.Fill(9, first, second)
		require.Equal(t, "  0  preadv(9, &[16], 1, 0) = 0x2000!\n", first.String())
		require.Equal(t, "  0  preadv(9, &[16], 1, 8192) = 0x1000!\n  1  preadv(9, &[16], 1, 24576) = 0x1000!\n", second.String())
	})
}

func TestCutOff(t *testing.T) {
	all := []piece{{Run{0x10000, 0x14000}, 0}, {Run{0x20000, 0x21000}, 0x4000}}
	for _, c := range []struct {
		size        uint64
		first, rest []piece
	}{
		{0, nil, all},
		{0x2800, []piece{{Run{0x10000, 0x12000}, 0}}, []piece{{Run{0x12000, 0x14000}, 0x2000}, all[1]}},
		{0x4000, all[:1], all[1:]},
		{0x5000, all, nil},
		{0x9000, all, nil},
	} {
		first, rest := cutOff(all, c.size, pg)
		require.Equal(t, c.first, first, "%#x", c.size)
		require.Equal(t, c.rest, rest, "%#x", c.size)
	}
}

// TestLongAuxv: what this kernel may have no room for is tried, and what it knows is set before.
func TestLongAuxv(t *testing.T) {
	own, err := unix.Auxv()
	require.NoError(t, err)
	var auxv []uint64
	for _, e := range own {
		auxv = append(auxv, uint64(e[0]), uint64(e[1]))
	}
	m := &image.MmEntry{MmSavedAuxv: auxv}
	require.Equal(t, 1, strings.Count(listing(t, func(p *stub.Program) { SetMm(p, m, 9) }), "prctl"))
	m.MmSavedAuxv = append([]uint64{9999, 1}, auxv...)
	calls := strings.Split(listing(t, func(p *stub.Program) { SetMm(p, m, 9) }), "\n")
	require.NotContains(t, calls[0], "ignore")
	require.Contains(t, calls[1], "ignore")
	require.Equal(t, auxv, known(m.MmSavedAuxv, own))
}

func TestMmMap(t *testing.T) {
	m := &image.MmEntry{
		MmStartCode: 1, MmEndCode: 2, MmStartData: 3, MmEndData: 4, MmStartBrk: 5, MmBrk: 6, MmStartStack: 7, MmArgStart: 8, MmArgEnd: 9,
		MmEnvStart: 10, MmEnvEnd: 11, MmSavedAuxv: []uint64{6, pg},
	}
	auxv := Auxv(x86.X86_64, m)
	require.Len(t, auxv, 32, "ended by AT_NULL")
	listing(t, func(p *stub.Program) {
		data := p.Area.Bytes(auxv)
		b := MmMap(x86.X86_64, m, data, len(auxv), 42)
		require.Len(t, b, 104)
		for i := range uint64(11) {
			require.Equal(t, i+1, binary.LittleEndian.Uint64(b[8*i:]))
		}
		require.Equal(t, data.Addr(), binary.LittleEndian.Uint64(b[88:]))
		require.Equal(t, uint32(32), binary.LittleEndian.Uint32(b[96:]))
		require.Equal(t, uint32(42), binary.LittleEndian.Uint32(b[100:]))
	})
}
