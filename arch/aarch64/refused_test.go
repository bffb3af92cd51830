package aarch64

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusedWhenInUse(t *testing.T) {
	require.NotEmpty(t, AArch64.Refused)
	for _, set := range AArch64.Refused {
		require.True(t, set.Optional, set.Name)
		require.False(t, set.InUse(nil), "%s: a processor without", set.Name)
		b := make([]byte, set.Size)
		require.False(t, set.InUse(b), set.Name)
		b[0] = 1
		require.True(t, set.InUse(b), set.Name)
	}
}
