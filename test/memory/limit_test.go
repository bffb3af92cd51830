package memory

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// A dump does not get a task killed that is near the limit of its memory cgroup: what it writes is not charged to the task. Page cache
// of a disk could be given up under pressure, that of tmpfs cannot.
func TestMemoryLimit(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	const mib = 1 << 20
	group := testenv.LimitedMemory(t, 72*mib)
	var w *testenv.Workload
	group.Within(func() { w = testenv.Bare(t, "memory", "64") })
	for _, dir := range []string{t.TempDir(), shm(t)} {
		w.Untouched(func() {
			_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir, LeaveRunning: true})
			require.NoError(t, err)
		})
		require.Zero(t, group.Kills(), dir)
		require.Greater(t, pageFiles(t, dir), uint64(64*mib))
	}
	w.Check()
}

// shm is a directory on tmpfs.
func shm(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "woodfrog-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
