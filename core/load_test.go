package core

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/core/image"
	"woodfrog/test/abis"
)

// A task is not made to call prctl(2) with any number that an image has.
func TestTraitsAreOfTheABI(t *testing.T) {
	dir, err := image.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	const setFPEXC, setName = 12, 15
	for option, had := range map[uint32]string{setFPEXC: "ppc64le", setName: ""} {
		e := &image.TraitsEntry{Threads: []*image.ThreadTraits{{Tid: 7, Prctls: []*image.Prctl{{Option: option, Value: 3}}}}}
		require.NoError(t, dir.Write(image.Traits, 7, e))
		for _, abi := range abis.All {
			_, err := loadTraits(dir, 7, abi)
			if abi.Name == had {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "thread 7: prctl: option")
			}
		}
	}
}
