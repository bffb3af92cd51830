package programs

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// TestDispatch: a thread in whose program the stub's calls would become signals is refused before it makes any, and goes on.
func TestDispatch(t *testing.T) {
	if runtime.GOARCH != "amd64" { // CONFIG_GENERIC_ENTRY, for long x86's alone
		return
	}
	testenv.Needs(t, testenv.DispatchConf)
	testenv.Each(t, func(t *testing.T) {
		for _, threads := range []string{"0", "3", "40"} {
			t.Run(threads, func(t *testing.T) {
				prepare(t)
				w := testenv.Bare(t, "dispatch", threads)
				w.Untouched(func() {
					_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: t.TempDir()})
					require.ErrorContains(t, err, "PR_SET_SYSCALL_USER_DISPATCH")
				})
				w.Check()
			})
		}
	})
}

// TestTraits: threads have what differs from the leader's, or from what the engine has, and tasks of one thread too.
func TestTraits(t *testing.T) {
	testenv.Each(t, func(t *testing.T) {
		for _, args := range [][]string{{"0"}, {"4"}, {"40"}, {"3", "1"}} {
			t.Run(strings.Join(args, ","), func(t *testing.T) {
				prepare(t)
				w := testenv.Bare(t, append([]string{"traits"}, args...)...)
				before := mergeable(t, w.PID)
				again(t, w)
				require.Equal(t, before, mergeable(t, w.PID))
				w.Check()
			})
		}
	})
}

// TestHugePagesAreNotTheEngines: an engine that has none for itself gives back what the task had.
func TestHugePagesAreNotTheEngines(t *testing.T) {
	prepare(t)
	w := testenv.Bare(t, "sleep")
	enabled := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID))
		require.NoError(t, err)
		_, line, _ := strings.Cut(string(text), "\nTHP_enabled:")
		line, _, _ = strings.Cut(line, "\n")
		return line
	}
	before := enabled()
	images := t.TempDir()
	_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: images})
	require.NoError(t, err)
	w.Gone()
	require.NoError(t, unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0))
	defer func() { require.NoError(t, unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)) }()
	_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: images, RestoreDetached: true})
	require.NoError(t, err)
	require.Equal(t, before, enabled())
	w.Check()
}

// mergeable says of each area whether its pages may be merged.
func mergeable(t *testing.T, pid int) map[string]bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	require.NoError(t, err)
	areas := map[string]bool{}
	var area string
	for line := range strings.Lines(string(text)) {
		switch w := strings.Fields(line); {
		case strings.HasPrefix(line, "VmFlags:"):
			areas[area] = slices.Contains(w, "mg")
		case !strings.HasSuffix(w[0], ":"):
			area = w[0]
		}
	}
	return areas
}
