package x86

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFamilyModel(t *testing.T) {
	for eax, want := range map[uint32][3]uint32{
		0xc06f2:  {6, 207, 2}, // Sapphire Rapids
		0xa20f10: {25, 33, 0}, // Zen 3
		0x543:    {5, 4, 3},
	} {
		f, m, s := familyModel(eax)
		require.Equal(t, want, [3]uint32{f, m, s})
	}
}
