package faults

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// TestCancelled: a dump or restore whose context ends, sooner or later, is undone like one that fails.
func TestCancelled(t *testing.T) {
	for i, c := range victims {
		t.Run(c.name, func(t *testing.T) {
			v := start(t, c.args)
			dump, restore := func(ctx context.Context) error { return v.dump(ctx, "") }, func(ctx context.Context) error { return v.restore(ctx, "") }
			whole := v.howLong(dump)
			v.goesOn()
			parts := 24 / every(3)
			for n := i % 2; n <= parts; n++ {
				v.On(t).Untouched(func() { v.cancelled(whole*time.Duration(n)/time.Duration(parts), dump) })
				v.goesOn()
			}
			v.freeze()
			whole = v.howLong(restore)
			v.freeze()
			for n := i % 2; n <= parts; n++ {
				if v.cancelled(whole*time.Duration(n)/time.Duration(parts), restore) {
					require.Empty(t, v.Tasks())
				} else {
					v.freeze()
				}
			}
			v.thaw()
		})
	}
}

func (v *victim) howLong(f func(context.Context) error) time.Duration {
	v.t.Helper()
	start := time.Now()
	require.NoError(v.t, f(v.t.Context()))
	return time.Since(start)
}

var errEnough = errors.New("enough")

// cancelled runs f with a context that ends after d, and says whether f did not get done.
func (v *victim) cancelled(d time.Duration, f func(context.Context) error) bool {
	v.t.Helper()
	ctx, cancel := context.WithTimeoutCause(v.t.Context(), d, errEnough)
	defer cancel()
	err := f(ctx)
	if err != nil {
		require.ErrorIs(v.t, err, errEnough)
	}
	return err != nil
}

// TestTaskDoesNotStop: the parent of a vfork cannot be stopped. The dump gives up when it is told to or after its time, lets go of all
// else at once, and of the parent as soon as it stops.
func TestTaskDoesNotStop(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout time.Duration
		limit   time.Duration
		err     string
	}{
		{"cancelled", 50 * time.Millisecond, 0, "enough"},
		{"in vain", time.Minute, 50 * time.Millisecond, "does not stop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			testenv.Root(t)
			testenv.NoLeaks(t)
			testenv.Subreaper(t)
			v := &victim{Workload: testenv.Bare(t, "vfork"), t: t, images: t.TempDir()}
			require.Eventually(t, func() bool { return len(v.Tasks()) == 2 }, 30*time.Second, time.Millisecond)
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.timeout, errEnough)
			defer cancel()
			start := time.Now()
			_, err := core.Dump(ctx, host.Backend(), v.PID, core.Options{ImagesDir: v.images, FreezeTimeout: c.limit})
			require.ErrorContains(t, err, c.err)
			require.Less(t, time.Since(start), 30*time.Second)
			require.NoError(t, os.WriteFile(filepath.Join(v.Dir, "go"), nil, 0o600))
			require.Eventually(t, func() bool { return !v.traced() }, 30*time.Second, time.Millisecond)
			v.Check()
		})
	}
}

// TestTaskDies: a task that is killed while it is dumped makes the dump fail, at the latest when it would be let go; the others go on.
func TestTaskDies(t *testing.T) {
	v := start(t, "tree 2 1")
	names := stages(t, v.dump(t.Context(), "stage:none"))
	v.Check()
	first := slices.Index(names, "freeze")
	require.Positive(t, first)
	for _, stage := range names[first : len(names)-1] {
		t.Run(stage, func(t *testing.T) {
			v := start(t, "tree 2 1")
			h := &hook{Handler: slog.DiscardHandler, stage: stage, do: func() { _ = unix.Kill(v.Tasks()[1], unix.SIGKILL) }}
			_, err := core.Dump(t.Context(), host.Backend(), v.PID, core.Options{ImagesDir: v.images, LeaveRunning: true, Log: slog.New(h)})
			require.True(t, h.done)
			require.Error(t, err)
			require.Eventually(t, func() bool { return !v.traced() }, 30*time.Second, time.Millisecond)
			v.Alive()
		})
	}
}

// hook is a log that does something when a stage is done.
type hook struct {
	slog.Handler
	stage string
	do    func()
	done  bool
}

func (h *hook) Enabled(context.Context, slog.Level) bool { return true }

func (h *hook) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "stage done" && a.Key == "stage" && a.Value.String() == h.stage {
			h.done = true
			h.do()
		}
		return true
	})
	return nil
}

// TestDiskFull: a dump onto a file system that has no space for it fails, and that is all: before anything is frozen where that can be
// known, and after it where somebody else takes the space.
func TestDiskFull(t *testing.T) {
	v := start(t, "memory 4")
	require.NoError(t, unix.Mount("woodfrog-test", v.images, "tmpfs", 0, "size=8m"))
	t.Cleanup(func() { _ = unix.Unmount(v.images, unix.MNT_DETACH) })
	filler := filepath.Join(v.images, "filler")
	fill := func(bytes int) { require.NoError(t, os.WriteFile(filler, make([]byte, bytes), 0o600)) }
	fill(6 << 20)
	v.On(t).Untouched(func() { require.ErrorContains(t, v.dump(t.Context(), ""), "KiB left") })
	v.goesOn()
	for _, stage := range []string{"freeze", "collect", "ask", "files"} {
		for _, left := range []int{0, 64 << 10} {
			require.NoError(t, os.Remove(filler))
			v.On(t).Untouched(func() {
				h := &hook{Handler: slog.DiscardHandler, stage: stage, do: func() { fill(8<<20 - left - used(t, v.images)) }}
				_, err := core.Dump(t.Context(), host.Backend(), v.PID, core.Options{ImagesDir: v.images, LeaveRunning: true, Log: slog.New(h)})
				require.True(t, h.done, stage)
				require.ErrorIs(t, err, unix.ENOSPC, stage)
			})
			require.False(t, v.committed())
			v.goesOn()
		}
	}
	require.NoError(t, os.Remove(filler))
	v.freeze()
	v.thaw()
}

// used is how much of a file system is taken, bytes.
func used(t *testing.T, dir string) int {
	t.Helper()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	return int(st.Blocks-st.Bfree) * int(st.Bsize)
}
