package core

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/core/image"
)

func TestSparePid(t *testing.T) {
	free := (&restore{image: &loaded{}}).sparePid()
	require.NotZero(t, free)
	for name, ps := range map[string]*image.PstreeEntry{
		"thread":        {Threads: []uint32{uint32(free)}},
		"process group": {Pgid: uint32(free)},
		"session":       {Sid: uint32(free)},
	} {
		r := &restore{image: &loaded{tasks: []*loadedTask{{ps: ps}}}, spare: free + 1}
		seen := map[int]bool{}
		for range 3 {
			pid := r.sparePid()
			require.NotZero(t, pid)
			require.Less(t, pid, free, "%s: its PID is taken", name)
			require.False(t, seen[pid], "%s: %d is given out twice", name, pid)
			seen[pid] = true
		}
	}
	last := &restore{image: &loaded{}, spare: 1}
	require.Zero(t, last.sparePid())
	require.Zero(t, last.sparePid(), "it does not begin anew")
}
