// Package files holds tests only: of open files that are dumped and restored, seen from inside by workloads and from outside in
// /proc.
package files

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func needs(t *testing.T) {
	t.Helper()
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
}

func dump(t *testing.T, w *testenv.Workload, o core.Options) error {
	t.Helper()
	_, err := core.Dump(t.Context(), host.Backend(), w.PID, o)
	return err
}

func restore(t *testing.T, o core.Options) error {
	t.Helper()
	o.RestoreDetached = true
	_, err := core.Restore(t.Context(), host.Backend(), o)
	return err
}

// TestPrograms: whatever a program has open, it finds again, after a dump that lets it run on and one that does not.
func TestPrograms(t *testing.T) { testenv.Each(t, testPrograms) }

func testPrograms(t *testing.T) {
	for _, name := range []string{"pipes", "offsets", "events", "locks", "owners"} {
		t.Run(name, func(t *testing.T) {
			needs(t)
			w := testenv.Descriptors(t, name)
			o := core.Options{ImagesDir: t.TempDir(), FileLocks: true}
			before := descriptors(t, w)
			running := o
			running.LeaveRunning = true
			require.NoError(t, dump(t, w, running))
			require.Equal(t, before, descriptors(t, w))
			require.NoError(t, dump(t, w, o))
			w.Gone()
			require.NoError(t, restore(t, o))
			require.Equal(t, before, descriptors(t, w))
			w.Check()
		})
	}
}

// TestNameLikeDeleted: a file may be named as the kernel names those that are deleted.
func TestNameLikeDeleted(t *testing.T) {
	needs(t)
	own, _ := testenv.BarePath(t)
	program, err := os.ReadFile(own)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "bare (deleted)")
	require.NoError(t, os.WriteFile(name, program, 0o700))
	w := testenv.Program(t, name, "sleep")
	o := core.Options{ImagesDir: t.TempDir()}
	require.NoError(t, dump(t, w, o))
	w.Gone()
	require.NoError(t, restore(t, o))
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", w.PID))
	require.NoError(t, err)
	require.Equal(t, name, exe)
	w.Check()
}

// descriptors are those of all tasks with what is the same after a restore: not the inode numbers of what has no name, nor times.
func descriptors(t *testing.T, w *testenv.Workload) (all []string) {
	t.Helper()
	number := regexp.MustCompile(`\d+`)
	for _, pid := range w.Tasks() {
		dir := fmt.Sprintf("/proc/%d/", pid)
		entries, err := os.ReadDir(dir + "fd")
		require.NoError(t, err)
		for _, e := range entries {
			link, err := os.Readlink(dir + "fd/" + e.Name())
			require.NoError(t, err)
			if strings.HasPrefix(link, "/sys/fs/cgroup/") {
				continue // Go's runtime keeps it open while it looks at its share of the processors
			}
			if !strings.HasPrefix(link, "/") {
				link = number.ReplaceAllString(link, "N")
			}
			info, err := os.ReadFile(dir + "fdinfo/" + e.Name())
			require.NoError(t, err)
			pos, rest, _ := strings.Cut(string(info), "\n")
			flags, _, _ := strings.Cut(rest, "\n")
			all = append(all, fmt.Sprintf("%d %s %s %s %s", pid, e.Name(), link, pos, flags))
		}
	}
	return all
}

// TestShared: tables of descriptors and working directories that processes share stay shared.
func TestShared(t *testing.T) { testenv.Each(t, testShared) }

func testShared(t *testing.T) {
	needs(t)
	w := testenv.Bare(t, "share")
	o := core.Options{ImagesDir: t.TempDir()}
	require.NoError(t, dump(t, w, o))
	w.Gone()
	require.NoError(t, restore(t, o))
	w.Check()
}

// TestRefused: what cannot be dumped is said, with the name of the file, and the program goes on untouched.
func TestRefused(t *testing.T) {
	needs(t)
	w := testenv.Descriptors(t, "locks")
	err := dump(t, w, core.Options{ImagesDir: t.TempDir()})
	require.ErrorContains(t, err, w.Dir+"/flock")
	w.Check()
}

// TestSiblings: descriptors that are shared in a way that no restore makes again are refused, and nothing is changed.
func TestSiblings(t *testing.T) { testenv.Each(t, testSiblings) }

func testSiblings(t *testing.T) {
	needs(t)
	w := testenv.Bare(t, "siblings")
	w.Untouched(func() {
		require.ErrorContains(t, dump(t, w, core.Options{ImagesDir: t.TempDir()}), "but not with its parent")
	})
	w.Check()
}

// TestChanged: a file that has changed since the dump is not taken for the same.
func TestChanged(t *testing.T) { testenv.Each(t, testChanged) }

func testChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(dir string) error
		option func(*core.Options)
		want   string
	}{
		{"size", func(dir string) error { return os.Truncate(dir+"/alphabet", 25) }, nil, "alphabet: size 25: it was 26 at the dump"},
		{"mode", func(dir string) error { return os.Chmod(dir+"/alphabet", 0o640) }, nil, "alphabet: mode 0100640: it was 0100600"},
		{"mode is let pass", func(dir string) error { return os.Chmod(dir+"/alphabet", 0o640) },
			func(o *core.Options) { o.SkipFileRWXCheck = true }, ""},
		{"gone", func(dir string) error { return os.Remove(dir + "/link") }, nil, "/link: open: no such file"},
		{"kind", func(dir string) error {
			if err := os.Remove(dir + "/dir"); err != nil {
				return err
			}
			return os.WriteFile(dir+"/dir", nil, 0o600)
		}, func(o *core.Options) { o.SkipFileRWXCheck = true }, "/dir: open: not a directory"},
		{"a log may grow", func(dir string) error { return os.WriteFile(dir+"/log", []byte("one "), 0o600) }, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			needs(t)
			w := testenv.Descriptors(t, "offsets")
			o := core.Options{ImagesDir: t.TempDir()}
			require.NoError(t, dump(t, w, o))
			w.Gone()
			require.NoError(t, c.change(w.Dir))
			if c.option != nil {
				c.option(&o)
			}
			err := restore(t, o)
			if c.want == "" {
				require.NoError(t, err)
				w.Check()
				return
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorIs(t, unix.Kill(w.PID, 0), unix.ESRCH)
		})
	}
}

// TestMany: a thousand files and two hundred pipes.
func TestMany(t *testing.T) {
	needs(t)
	w := testenv.Bare(t, "files", strconv.Itoa(1000), strconv.Itoa(200))
	o := core.Options{ImagesDir: t.TempDir()}
	require.NoError(t, dump(t, w, o))
	w.Gone()
	require.NoError(t, restore(t, o))
	w.Check()
}
