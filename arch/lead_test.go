package arch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// code are the ways on from each instruction of a function with two loops and two ends: 4 and 9 lead where nobody knows, 20 is outside.
var code = map[uint64][]uint64{
	0: {1}, 1: {2, 5}, 2: {3}, 3: {2, 4}, 4: nil, 5: {6, 20}, 6: {7}, 7: {8, 4}, 8: {6, 9}, 9: nil, 10: {10},
}

func TestAhead(t *testing.T) {
	ways := func(at uint64) ([]uint64, error) { return code[at], nil }
	within := func(at uint64) bool { return at < 20 }
	for _, c := range []struct {
		here uint64
		most int
		want []uint64
	}{
		{0, 3, []uint64{4, 9, 20}}, // to the ends
		{0, 2, []uint64{4, 5}},
		{0, 1, []uint64{1}},
		{5, 3, []uint64{4, 9, 20}},
		{6, 2, []uint64{4, 9}}, // a loop is run through, however often
		{2, 1, []uint64{4}},
		{4, 9, nil},
		{10, 9, []uint64{}}, // for ever
		{0, 0, nil},
	} {
		require.ElementsMatch(t, c.want, Ahead(c.here, c.most, within, ways), "%d %d", c.here, c.most)
	}
}
