package ptrace

import (
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// TestInterruptTwice: where another stop comes in the place of the interrupt's event, as the exit of a system call does that is traced, that
// event comes after it.
func TestInterruptTwice(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	tid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	require.NoError(t, linux.Seize(tid, unix.PTRACE_O_TRACESYSGOOD))
	interrupt := func() {
		t.Helper()
		require.NoError(t, linux.Interrupt(tid))
		stop, err := WaitInterrupt(tid, 10*time.Second)
		require.NoError(t, err)
		require.True(t, stop.Event)
	}
	interrupt()
	for range 20 {
		for {
			require.NoError(t, linux.ContSyscall(tid, 0))
			if stop, err := WaitStop(tid, 100*time.Millisecond); err != nil {
				require.ErrorIs(t, err, unix.ETIMEDOUT) // it is inside of a call
				break
			} else {
				require.True(t, stop.Call)
			}
		}
		interrupt()
		time.Sleep(time.Millisecond)
	}
}
