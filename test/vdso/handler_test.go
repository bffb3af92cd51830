package vdso

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

// TestHandlersOfProxies has a task called by a signal while it is a proxy, and dumped inside the handler: where that returns to the vDSO, as it
// does in ia32 tasks without a restorer, it returns to one that is gone or elsewhere by then.
func TestHandlersOfProxies(t *testing.T) { testenv.Each(t, testHandlersOfProxies) }

func testHandlersOfProxies(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	f := &frog{testenv.Handler(t), t, t.TempDir()}
	before := f.areas()
	for i, fault := range []string{"vdso:trampolines", "vdso:trampolines,far", "", "vdso:trampolines,no-map", ""} {
		f.cycle(fault)
		require.NoError(t, unix.Kill(f.PID, unix.SIGUSR1))
		line := fmt.Sprintf("signal %d\n", i+1)
		require.Eventually(t, func() bool {
			out, err := os.ReadFile(filepath.Join(f.Dir, "out"))
			require.NoError(t, err)
			return strings.Contains(string(out), line)
		}, 10*time.Second, time.Millisecond, line)
	}
	was, _ := group(before)
	now, _ := group(f.areas())
	require.Equal(t, was, now)
	f.Check()
}
