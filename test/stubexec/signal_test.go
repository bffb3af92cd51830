//go:build !386

package stubexec

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/internal/linux"
)

// TestSignalNote: the handler is called on whatever thread the kernel chooses, in the middle of Go code or of the vDSO's, and returns there. Signals
// that the runtime handles come together with it.
func TestSignalNote(t *testing.T) {
	note := host.Backend().SignalNote
	require.NoError(t, linux.SetHandler(unix.SIGUSR2, note.Handler, note.Restorer))
	defer func() {
		require.NoError(t, linux.DefaultAction(unix.SIGUSR2))
		atomic.StoreUint32(note.Caught, 0)
	}()
	var stop atomic.Bool
	sums := make(chan uint64)
	work := func() {
		sum, n := uint64(0), uint64(0)
		for !stop.Load() {
			n++
			sum += n
			_ = time.Now() // where there is a vDSO, it is called
		}
		sums <- sum - n*(n+1)/2
	}
	go work()
	go work()
	for range 300 {
		atomic.StoreUint32(note.Caught, 0)
		require.NoError(t, unix.Kill(unix.Getpid(), unix.SIGURG))
		require.NoError(t, unix.Kill(unix.Getpid(), unix.SIGUSR2))
		require.Eventually(t, func() bool { return atomic.LoadUint32(note.Caught) == uint32(unix.SIGUSR2) }, 10*time.Second, time.Microsecond)
	}
	stop.Store(true)
	require.Zero(t, <-sums)
	require.Zero(t, <-sums)
}
