package again

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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

// TestScheduling: every thread has the policy and the nice value that it had, whatever those of the engine are.
func TestScheduling(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	const batch, idle, reset = 3, 5, 1 // SCHED_BATCH, SCHED_IDLE, SCHED_FLAG_RESET_ON_FORK
	all := []unix.SchedAttr{
		{}, {Nice: -5}, {Nice: -5, Flags: reset}, {Nice: 7, Flags: reset}, {Policy: batch, Nice: 3}, {Policy: idle}, {Policy: idle, Nice: 9}, {Policy: idle, Nice: -9, Flags: reset},
		{Policy: unix.SCHED_FIFO, Priority: 4, Nice: -3}, {Policy: unix.SCHED_RR, Priority: 1, Flags: reset}, {Policy: unix.SCHED_RR, Priority: 2, Nice: 5},
	}
	w := testenv.Bare(t, "threads", strconv.Itoa(len(all)-1))
	for i, tid := range threads(t, w.PID) {
		schedule(t, tid, all[i])
	}
	was := schedulingOf(t, w.PID)
	require.Contains(t, was[6], "policy 5 reset 0 priority 0 nice 9")
	runtime.LockOSThread() // never unlocked: the thread ends with what it was given here
	for _, engine := range append(all, all[0]) {
		dir := t.TempDir()
		_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir})
		require.NoError(t, err)
		w.Gone()
		schedule(t, 0, engine)
		_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: dir, RestoreDetached: true})
		require.NoError(t, err)
		require.Equal(t, was, schedulingOf(t, w.PID), "by an engine of %+v", engine)
	}
	w.Check()
}

func schedule(t *testing.T, tid int, a unix.SchedAttr) {
	t.Helper()
	a.Size = unix.SizeofSchedAttr
	require.NoError(t, unix.SchedSetAttr(tid, &a, 0))
	require.NoError(t, unix.Setpriority(unix.PRIO_PROCESS, tid, int(a.Nice)))
}

func schedulingOf(t *testing.T, pid int) (list []string) {
	for _, tid := range threads(t, pid) {
		a, err := unix.SchedGetAttr(tid, 0)
		require.NoError(t, err)
		priority, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		require.NoError(t, err)
		list = append(list, fmt.Sprintf("%d: policy %d reset %d priority %d nice %d", tid, a.Policy, a.Flags&1, a.Priority, 20-priority))
	}
	return list
}
