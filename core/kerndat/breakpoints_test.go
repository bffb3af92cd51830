package kerndat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/ptrace"
)

type fakePoints struct {
	stop ptrace.Stop
	err  error
}

func (p fakePoints) RunTo([]uint64, time.Duration) (ptrace.Stop, error) { return p.stop, p.err }

// Breakpoints that can be set are not yet some that a thread stops at.
func TestHeeded(t *testing.T) {
	for _, c := range []struct {
		points fakePoints
		works  bool
		err    string
	}{
		{points: fakePoints{stop: ptrace.Stop{Signal: unix.SIGTRAP}}, works: true},
		{points: fakePoints{err: unix.ETIMEDOUT}},
		{points: fakePoints{stop: ptrace.Stop{Signal: unix.SIGSEGV}}, err: "stopped by segmentation fault"},
		{points: fakePoints{err: ptrace.ErrGone}, err: ptrace.ErrGone.Error()},
	} {
		works, err := heeded(c.points, 0x1000)
		require.Equal(t, c.works, works)
		if c.err == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.err)
		}
	}
	works, err := probeBreakpoints(&arch.ABI{}, nil)
	require.NoError(t, err)
	require.False(t, works)
}
