package x86

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
)

// ERESTARTSYS and its like (include/linux/errno.h), which never leave the kernel but for tracers.
const (
	restartsys    = -512
	restartnointr = -513
	restartnohand = -514
	restartBlock  = -516
)

// What the kernel makes of an interrupted call: handle_signal and arch_do_signal_or_restart in arch/x86/kernel/signal.c.
func TestRewind(t *testing.T) {
	const pc, nr = 0x401002, 35
	again := func(ax int64) (int64, uint64) { return nr, pc - 2 }
	eintrs := func(ax int64) (int64, uint64) { return eintr, pc }
	stays := func(ax int64) (int64, uint64) { return ax, pc }
	for _, c := range []struct {
		ax                                int64
		noHandler, restarts, interrupting func(int64) (int64, uint64)
	}{
		{restartsys, again, again, eintrs},
		{restartnointr, again, again, again},
		{restartnohand, again, eintrs, eintrs},
		{restartBlock, eintrs, eintrs, eintrs},
		{eintr, stays, stays, stays},
		{7, stays, stays, stays},
	} {
		for h, want := range map[arch.Handler]func(int64) (int64, uint64){
			arch.NoHandler: c.noHandler, arch.Restarts: c.restarts, arch.Interrupts: c.interrupting,
		} {
			t.Run(fmt.Sprintf("%d/%d", c.ax, h), func(t *testing.T) {
				gpr := make([]byte, 27*8)
				set(gpr, rAX, uint64(c.ax))
				set(gpr, rOrigAX, nr)
				set(gpr, rIP, pc)
				regs64{}.Rewind(gpr, h)
				ax, ip := want(c.ax)
				require.Equal(t, ax, int64(get(gpr, rAX)))
				require.Equal(t, ip, get(gpr, rIP))
				require.Equal(t, uint64(noCall), get(gpr, rOrigAX), "no second rewinding")
			})
		}
	}
}

// Outside of a call nothing is changed: a register may hold any number there.
func TestRewindOutsideOfCall(t *testing.T) {
	gpr := make([]byte, 27*8)
	set(gpr, rAX, negative(restartsys))
	set(gpr, rOrigAX, noCall)
	set(gpr, rIP, 0x401002)
	was := string(gpr)
	regs64{}.Rewind(gpr, arch.NoHandler)
	require.Equal(t, was, string(gpr))
}
