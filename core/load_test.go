package core

import (
	"slices"
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
	const setFPEXC, setName, setTSC = 12, 15, 26
	for option, had := range map[uint32][]string{setFPEXC: {"ppc64le"}, setTSC: {"x86_64", "i386"}, setName: nil} {
		e := &image.TraitsEntry{Threads: []*image.ThreadTraits{{Tid: 7, Prctls: []*image.Prctl{{Option: option, Value: 3}}}}}
		require.NoError(t, dir.Write(image.Traits, 7, e))
		for _, abi := range abis.All {
			_, err := loadTraits(dir, 7, abi)
			if slices.Contains(had, abi.Name) {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "thread 7: prctl: option")
			}
		}
	}
}

func TestTraitsOfFailingMemory(t *testing.T) {
	dir, err := image.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, dir.Write(image.Traits, 7, &image.TraitsEntry{Threads: []*image.ThreadTraits{{Tid: 7, MCEKill: new(uint32(2))}}}))
	_, err = loadTraits(dir, 7, abis.All[0])
	require.ErrorContains(t, err, "thread 7: mce_kill: 2: out of range")
}
