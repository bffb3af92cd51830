package aarch64

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusedWhenInUse(t *testing.T) {
	require.NotEmpty(t, AArch64.Refused)
	for _, set := range AArch64.Refused {
		require.True(t, set.Optional, set.Name)
		head := make([]byte, set.Size)
		require.True(t, set.Idle(nil), "%s: a processor without", set.Name)
		binary.LittleEndian.PutUint32(head, smeHeader)
		require.True(t, set.Idle(head), set.Name)
		binary.LittleEndian.PutUint32(head, smeHeader+256)
		require.False(t, set.Idle(head), set.Name)
	}
}
