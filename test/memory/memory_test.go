// Package memory holds tests only: of memory that is dumped and restored, seen from inside by workloads and from outside in
// /proc.
package memory

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/core/image"
	"woodfrog/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// cycle dumps a workload, which ends it, looks at the images, restores it and has look compare the sights before and after.
func cycle(t *testing.T, look func(*testenv.Workload) any, images func(*image.Set), args ...string) {
	t.Helper()
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	w := testenv.Bare(t, args...)
	dir := t.TempDir()
	before := look(w)
	stats, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir})
	require.NoError(t, err)
	w.Gone()
	require.Equal(t, pageFiles(t, dir), (stats.PagesWritten+stats.ShpagesWritten)*uint64(os.Getpagesize()))
	d, err := image.OpenDir(dir)
	require.NoError(t, err)
	set, err := image.Load(d, image.LoadOptions{})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	images(set)
	_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: dir, RestoreDetached: true})
	require.NoError(t, err)
	require.Equal(t, before, look(w))
	w.Check()
}

func pageFiles(t *testing.T, dir string) (size uint64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "pages-") {
			info, err := e.Info()
			require.NoError(t, err)
			size += uint64(info.Size())
		}
	}
	return size
}

func nothing(*image.Set) {}

// areas is what smaps says of the areas of all tasks: places, protections and flags. Inode numbers of memory are new ones.
func areas(w *testenv.Workload) any {
	var all []string
	inode := regexp.MustCompile(`00:\S+ \d+ +(/dev/zero|/memfd:)`)
	for _, pid := range w.Tasks() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
		for line := range strings.Lines(string(text)) {
			line = strings.Replace(line, " sd ", " ", 1) // written since somebody looked: kernels differ in whether all is at first
			if strings.HasPrefix(line, "VmFlags:") || line[0] < 'A' || line[0] > 'Z' {
				all = append(all, inode.ReplaceAllString(line, "$1"))
			}
		}
	}
	return all
}

func TestAreas(t *testing.T) { testenv.Each(t, testAreas) }

func testAreas(t *testing.T) { cycle(t, areas, nothing, "areas") }

// A large task writes its pages itself, and is read back by several threads.
func TestLarge(t *testing.T) { testenv.Each(t, testLarge) }

func testLarge(t *testing.T) {
	cycle(t, areas, func(set *image.Set) {
		stored := set.Tasks[0].Pagemap.StoredIn(0, ^uint64(0))
		require.Greater(t, stored, uint64(64<<20))
		require.Less(t, stored, uint64(65<<20))
	}, "memory", "64")
}

// On tmpfs the engine writes some of them meanwhile.
func TestLargeOnTmpfs(t *testing.T) {
	t.Setenv("TMPDIR", "/dev/shm")
	testLarge(t)
}

// A limit on file sizes is none on images.
func TestFileSizeLimit(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	w := testenv.Bare(t, "memory", "8")
	limit := unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	require.NoError(t, unix.Prlimit(w.PID, unix.RLIMIT_FSIZE, &limit, nil))
	dir := t.TempDir()
	w.Untouched(func() {
		_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir, LeaveRunning: true})
		require.NoError(t, err)
	})
	require.Greater(t, pageFiles(t, dir), uint64(8<<20))
	w.Check()
}

// A task that was dumped and goes on is as it was: no descriptor, area or signal is left of what wrote its memory.
func TestLargeUntouched(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	w := testenv.Bare(t, "memory", "16")
	w.Untouched(func() {
		_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: t.TempDir(), LeaveRunning: true})
		require.NoError(t, err)
	})
	w.Check()
}

// frames are the page frames that the first two tasks share, by address.
func frames(w *testenv.Workload) map[uint64]bool {
	tasks := w.Tasks()
	seen := map[uint64]uint64{}
	both := map[uint64]bool{}
	for i, pid := range tasks[:2] {
		pagemap, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
		if err != nil {
			return nil
		}
		defer pagemap.Close()
		maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		for line := range strings.Lines(string(maps)) {
			var start, end uint64
			var perms string
			_, _ = fmt.Sscanf(line, "%x-%x %s", &start, &end, &perms)
			if !strings.HasSuffix(perms, "p") || start>>47 != 0 || strings.Contains(line, "[v") {
				continue
			}
			for at := start; at < end; at += uint64(os.Getpagesize()) {
				var b [8]byte
				if _, err := pagemap.ReadAt(b[:], int64(at/uint64(os.Getpagesize())*8)); err != nil {
					continue
				}
				const file, frame = 1 << 61, 1<<55 - 1
				e := binary.LittleEndian.Uint64(b[:])
				if e&file != 0 || e&frame == 0 {
					continue
				}
				if i == 0 {
					seen[at] = e & frame
				} else if seen[at] == e&frame {
					both[at] = true
				}
			}
		}
	}
	return both
}

// Memory that a parent and its child share until one of them writes is shared again.
func TestFamilyShares(t *testing.T) { testenv.Each(t, testFamilyShares) }

func testFamilyShares(t *testing.T) {
	shared := -1
	cycle(t, func(w *testenv.Workload) any {
		n := len(frames(w))
		if shared < 0 {
			shared = n
			require.Greater(t, n, 64*3, "pages that a fork shares")
		}
		// the stacks differ, where the processes wait
		require.InDelta(t, shared, n, 4)
		return areas(w)
	}, nothing, "family", "1")
}

func TestLargeFamily(t *testing.T) { testenv.Each(t, testLargeFamily) }

func testLargeFamily(t *testing.T) {
	cycle(t, areas, nothing, "family", "40")
}
