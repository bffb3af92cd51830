package ppc64

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A thread that has such registers at all uses them, whatever is in them.
func TestRefusedWhereTheyAre(t *testing.T) {
	require.NotEmpty(t, PPC64LE.Refused)
	for _, set := range PPC64LE.Refused {
		if set.Note == NTDSCR {
			require.False(t, set.InUse(make([]byte, set.Size)), "it is 0 where nobody has set it")
			require.True(t, set.InUse([]byte{0x1f, 0, 0, 0, 0, 0, 0, 0}))
			continue
		}
		require.True(t, set.Optional, set.Name)
		require.False(t, set.InUse(nil), set.Name)
		require.True(t, set.InUse(make([]byte, set.Size)), set.Name)
	}
}
