package mem

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pages without tags are left out, neighbours are one run.
func TestAddTags(t *testing.T) {
	const perPage = 4096 / granule
	page := func(tag byte) []byte { return bytes.Repeat([]byte{tag, 1}, perPage/2) }
	tags := bytes.Join([][]byte{page(2), page(3), make([]byte, perPage), page(15)}, nil)
	runs := addTags(nil, 0x10000, tags, perPage)
	runs = addTags(runs, 0x14000, page(0), perPage)
	require.Len(t, runs, 2)
	require.EqualValues(t, 0x10000, runs[0].Start)
	require.Equal(t, append(bytes.Repeat([]byte{0x12}, perPage/2), bytes.Repeat([]byte{0x13}, perPage/2)...), runs[0].Tags)
	require.EqualValues(t, 0x13000, runs[1].Start)
	require.EqualValues(t, 0x15000, runs[1].End())
	require.Equal(t, append(bytes.Repeat([]byte{0x1f}, perPage/2), bytes.Repeat([]byte{0x10}, perPage/2)...), runs[1].Tags)
}

func TestEachTags(t *testing.T) {
	var got []uint64
	err := eachTags(1, 0x1000, make([]byte, 5), func(_ int, at uint64, tags []byte) (int, error) {
		got = append(got, at)
		return min(2, len(tags)), nil
	})
	require.NoError(t, err)
	require.Equal(t, []uint64{0x1000, 0x1020, 0x1040}, got)
	err = eachTags(1, 0x1000, make([]byte, 5), func(int, uint64, []byte) (int, error) { return 0, nil })
	require.EqualError(t, err, "at 1000: there are none")
}
