package core

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The engine takes the descriptors that it may have, and gives them back.
func TestRaiseLimit(t *testing.T) {
	limit := func() (l unix.Rlimit) {
		require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &l))
		return l
	}
	had := limit()
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &had)) })
	low := unix.Rlimit{Cur: 256, Max: had.Max}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	r := &restore{}
	r.raiseLimit(256)
	require.Equal(t, low, limit())
	for _, n := range []uint64{257, 1 << 40} { // the second is more than anybody may have
		r.raiseLimit(n)
		require.Greater(t, limit().Cur, low.Cur)
		r.lowerLimit()
		require.Equal(t, low, limit())
	}
}
