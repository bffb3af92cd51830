package mem

import (
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
	"woodfrog/internal/testenv"
)

// Entries of /proc/PID/pagemap as Linux 6.18 gave them.
func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		what  string
		entry procfs.PageEntry
		kind  int
	}{
		{"never touched", 0x0080000000000000, noPage},
		{"anonymous, written", 0x8180000000125d3c, ownPage},
		{"anonymous, shared by a fork", 0x8080000000125d3c, ownPage},
		{"of a file", 0xa180000000114a01, noPage},
		{"of a file, written by its private mapping", 0x8180000000121fff, ownPage},
		{"swapped out", 0x4080000000003e40, ownPage},
		{"of shared memory, swapped out", 0x6080000000003e40, noPage},
		{"guard", 0x4480000000000000, guardPage},
		{"without frame numbers", 0x8180000000000000, ownPage},
	} {
		require.Equal(t, c.kind, kindOf(c.entry), c.what)
	}
	if zero := zeroFrame(); zero != 0 {
		require.Equal(t, noPage, kindOf(procfs.PageEntry(1<<63|zero)), "the zero page")
	}
}

func TestRuns(t *testing.T) {
	var o own
	o.add(Run{0x1000, 0x2000}, true)
	o.add(Run{0x2000, 0x3000}, true)
	o.add(Run{0x3000, 0x4000}, false) // the next area
	o.add(Run{0x5000, 0x6000}, false)
	require.Equal(t, []stretch{{Run{0x1000, 0x3000}, true}, {Run{0x3000, 0x4000}, false}, {Run{0x5000, 0x6000}, false}}, o.pages)
	require.Equal(t, []Run{{0x1000, 0x4000}, {0x5000, 0x6000}}, joined(o.pages))

	vdso := Vma{&procfs.Smap{Map: procfs.Map{Start: 0x4000, End: 0x5000}}, &image.VmaEntry{Status: image.VmaVdso}}
	require.Equal(t, []Run{{0x1000, 0x6000}}, joined(withKernelCode(o.pages, []Vma{vdso})))
	require.Equal(t, []Run{{0x4000, 0x5000}}, joined(withKernelCode(nil, []Vma{vdso})))
}

// The kernel has a buffer of its own, for as many regions as a table of pages has entries. What it writes when that is full, and goes on, is not
// told twice, nor is what is told when room is full.
func TestScanTellsOnce(t *testing.T) {
	testenv.Needs(t, testenv.PagemapScan)
	page := os.Getpagesize()
	const touched = 1200 // more than one such buffer, with pages of 64 KiB many
	b, err := unix.Mmap(-1, 0, 2*touched*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	defer unix.Munmap(b)
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	start := uint64(reflect.ValueOf(b).Pointer())
	var want []stretch
	for i := range uint64(touched) {
		b[2*i*uint64(page)] = 1
		at := start + 2*i*uint64(page)
		want = append(want, stretch{Run{at, at + uint64(page)}, true})
	}
	fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	for _, room := range []int{1, 31, 512, touched - 1, touched, touched + 1, 2 * touched} {
		var found own
		s := scanner{fd: fd, page: uint64(page)}
		areas := []scanArea{{Run: Run{start, start + uint64(len(b))}, content: true, readable: true}}
		require.NoError(t, s.scan(areas, make([]linux.PageRegion, room), &found), room)
		require.Equal(t, want, found.pages, room)
	}
}

func TestSkip(t *testing.T) {
	runs := []Run{{0x1000, 0x3000}, {0x8000, 0x9000}}
	for n, want := range map[uint64][]Run{
		0:      runs,
		0x800:  {{0x1800, 0x3000}, {0x8000, 0x9000}},
		0x2000: {{0x8000, 0x9000}},
		0x2001: {{0x8001, 0x9000}},
		0x3000: {},
	} {
		require.Equal(t, want, skip(runs, n), "%#x", n)
	}
	require.Equal(t, []Run{{0x1000, 0x3000}, {0x8000, 0x9000}}, runs, "the list itself stays")
}

// A file in memory: holes cost nothing, its last page may be begun only.
func TestShmem(t *testing.T) {
	fd, err := unix.MemfdCreate("holes", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	const size = 10*pg + 5
	require.NoError(t, unix.Ftruncate(fd, size))
	for _, at := range []int64{2*pg + 1, 3 * pg, 7 * pg, size - 1} {
		_, err := unix.Pwrite(fd, []byte{1}, at)
		require.NoError(t, err)
	}
	runs, err := dataRuns(fd, 11*pg, pg)
	require.NoError(t, err)
	require.Equal(t, []Run{{2 * pg, 4 * pg}, {7 * pg, 8 * pg}, {10 * pg, 11 * pg}}, runs)

	d, err := image.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer d.Close()
	var s Shmem
	id, kept, err := s.inode(fd, "/memfd:holes")
	require.NoError(t, err)
	require.True(t, kept)
	defer s.Close()
	again, kept, err := s.inode(fd, "/memfd:holes")
	require.NoError(t, err)
	require.False(t, kept, "the same file is one object")
	require.Equal(t, id, again)
	st, err := s.Dump(d, 3)
	require.NoError(t, err)
	require.Equal(t, Stats{Scanned: 11, Written: 4}, st)
	f, err := d.OpenPages(3, false)
	require.NoError(t, err)
	defer f.Close()
	info, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	require.NoError(t, err)
	require.Equal(t, int64(4*pg), info.Size())

	inodes, err := image.ReadAll[image.MemfdInodeEntry](d, image.MemfdInode, 0)
	require.NoError(t, err)
	require.Len(t, inodes, 1)
	o := NewObjects(d, map[uint64]*image.MemfdInodeEntry{inodes[0].InodeId: inodes[0]})
	defer o.Close()
	got, err := o.Open(&image.MemfdFileEntry{InodeId: id, Flags: unix.O_RDWR | unix.O_APPEND, Pos: 7})
	require.NoError(t, err)
	defer unix.Close(got)
	pos, err := unix.Seek(got, 0, unix.SEEK_CUR)
	require.NoError(t, err)
	require.Equal(t, int64(7), pos)
	require.Equal(t, content(t, fd), content(t, got))
	runs, err = dataRuns(got, 11*pg, pg)
	require.NoError(t, err)
	require.Equal(t, []Run{{2 * pg, 4 * pg}, {7 * pg, 8 * pg}, {10 * pg, 11 * pg}}, runs, "holes are holes again")
	flags, err := unix.FcntlInt(uintptr(got), unix.F_GETFL, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.O_APPEND)
}

func content(t *testing.T, fd int) []byte {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(fd, &st))
	b := make([]byte, st.Size)
	n, err := unix.Pread(fd, b, 0)
	require.NoError(t, err)
	return b[:n]
}
