package arm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Code that a thread is sent to runs in a state of its own: a thread in the middle of an IT block, or with big-endian data, is as good as any other.
func TestJumpLeavesNoState(t *testing.T) {
	const flags = 0xf0000000
	for entry, state := range map[uint64]uint64{0x10000: 0, 0x10001: cpsrThumb} {
		gpr := make([]byte, gprSize)
		set(gpr, rCPSR, flags|modeUser|cpsrState)
		regs{}.SetStub(gpr, entry, 0x20000)
		require.EqualValues(t, flags|modeUser|state, get(gpr, rCPSR))
		require.EqualValues(t, 0x10000, get(gpr, rPC))
	}
}
