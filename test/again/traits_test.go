package again

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/core/image"
	"woodfrog/internal/testenv"
)

// TestTraits: what CRIU's images have no field for comes back, thread by thread; and an older dump's is not taken for a newer one's.
func TestTraits(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	w := testenv.Bare(t, "threads", "2")
	plain := traitsOf(t, w.PID)
	var all unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &all))
	var one unix.CPUSet
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	tids := threads(t, w.PID)
	require.Len(t, tids, 3)
	const idle = 3 << 13 // IOPRIO_CLASS_IDLE
	require.NoError(t, unix.SchedSetaffinity(tids[1], &one))
	_, _, e := unix.Syscall(unix.SYS_IOPRIO_SET, 1, uintptr(tids[2]), idle)
	require.Zero(t, e)
	require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/coredump_filter", w.PID), []byte("0x7f"), 0))
	odd := traitsOf(t, w.PID)
	require.NotEqual(t, plain, odd)

	dir := t.TempDir()
	for range 2 {
		_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir})
		require.NoError(t, err)
		w.Gone()
		_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: dir, RestoreDetached: true})
		require.NoError(t, err)
		require.Equal(t, odd, traitsOf(t, w.PID))
	}
	file := filepath.Join(dir, image.Traits.FileName(w.PID))
	require.FileExists(t, file)

	require.NoError(t, unix.SchedSetaffinity(tids[1], &all))
	_, _, e = unix.Syscall(unix.SYS_IOPRIO_SET, 1, uintptr(tids[2]), 0)
	require.Zero(t, e)
	require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/coredump_filter", w.PID), []byte("0x33"), 0))
	_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir, LeaveRunning: true})
	require.NoError(t, err)
	require.NoFileExists(t, file)
	w.Check()
}

// traitsOf are the traits that show from outside.
func traitsOf(t *testing.T, pid int) (list []string) {
	filter, err := os.ReadFile(fmt.Sprintf("/proc/%d/coredump_filter", pid))
	require.NoError(t, err)
	list = append(list, string(filter))
	for _, tid := range threads(t, pid) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", pid, tid))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(status), "Cpus_allowed:\t")
		cpus, _, _ := strings.Cut(rest, "\n")
		prio, _, e := unix.Syscall(unix.SYS_IOPRIO_GET, 1, uintptr(tid), 0)
		require.Zero(t, e)
		list = append(list, fmt.Sprintf("%d: processors %s, I/O priority %#x", tid, cpus, prio))
	}
	return list
}

func threads(t *testing.T, pid int) (tids []int) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(t, err)
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		require.NoError(t, err)
		tids = append(tids, tid)
	}
	return tids
}

// TestLocksFuture: memory that a task maps later is locked, as it has told the kernel.
func TestLocksFuture(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	w := testenv.Bare(t, "lock")
	dir := t.TempDir()
	for range 2 {
		_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir})
		require.NoError(t, err)
		w.Gone()
		_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: dir, RestoreDetached: true})
		require.NoError(t, err)
	}
	w.Check()
}
