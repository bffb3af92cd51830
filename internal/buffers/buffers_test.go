package buffers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGet(t *testing.T) {
	for _, n := range []int{10, 5000, 0, 300, 5000} {
		b, other := Get(n), Get(n)
		require.Len(t, *b, n)
		for i := range *b {
			(*b)[i], (*other)[i] = 1, 2
		}
		require.NotContains(t, *b, byte(2))
		*b = append(*b, 3)
		Put(b)
		Put(other)
	}
}
