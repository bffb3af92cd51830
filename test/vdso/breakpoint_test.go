package vdso

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/host"
	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

// TestBreakpoints: a thread stops where it is to, and at no such place once it is let go, which would end it.
func TestBreakpoints(t *testing.T) {
	abi := host.Backend().Native()
	require.Equal(t, abi.Lead != nil, abi.Breakpoints != arch.NoBreakpoints)
	if abi.Lead == nil {
		return
	}
	f := start(t, "clock", "0")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.NoError(t, linux.Seize(f.PID, 0))
	stop := func() uint64 {
		require.NoError(t, linux.Interrupt(f.PID))
		_, err := ptrace.WaitInterrupt(f.PID, 10*time.Second)
		require.NoError(t, err)
		return f.pc(abi)
	}
	here := stop()
	points, err := ptrace.FindBreakpoints(f.PID, abi.Breakpoints)
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, linux.Cont(f.PID, 0))
		to := []uint64{here, stop()}
		if to[0] == to[1] || points.Most == 1 {
			to = to[:1]
		}
		_, err := points.RunTo(to, 10*time.Second)
		require.NoError(t, err)
		require.Contains(t, to, f.pc(abi)) // what it does is a loop
	}
	if abi.Breakpoints == arch.DebugRegisters {
		_, err := points.RunTo([]uint64{1 << 63}, time.Second)
		require.ErrorIs(t, err, ptrace.ErrNoBreakpoints)
	}
	require.NoError(t, linux.Detach(f.PID, 0))
	f.Check()
}

func (f *frog) pc(abi *arch.ABI) uint64 {
	f.t.Helper()
	set := abi.RegSets[0]
	gpr, err := ptrace.ReadRegisters(f.PID, set, make([]byte, set.Size))
	require.NoError(f.t, err)
	return abi.Regs.PC(gpr)
}
