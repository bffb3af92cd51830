package parallel

import (
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDo(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for _, n := range []int{0, 1, 2, 100} {
		for _, few := range []int{0, 50, 1000} {
			done := make([]atomic.Int32, n)
			require.NoError(t, Do(n, few, func(i int) error { done[i].Add(1); return nil }))
			for i := range done {
				require.Equal(t, int32(1), done[i].Load(), "%d of %d, few %d", i, n, few)
			}
		}
	}
}

func TestDoError(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for range 200 {
		err := Do(50, 2, func(i int) error {
			if i >= 7 {
				return fmt.Errorf("%d", i)
			}
			return nil
		})
		require.EqualError(t, err, "7", "the lowest that failed, whoever was first")
	}
}

func TestDoPanic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for _, few := range []int{0, 100} {
		require.PanicsWithValue(t, "seven", func() {
			_ = Do(50, few, func(i int) error {
				if i == 7 {
					panic("seven")
				}
				return nil
			})
		})
	}
}

func TestBeside(t *testing.T) {
	begun := make(chan bool)
	wait := Beside(func() error { <-begun; return io.EOF })
	close(begun)
	require.Equal(t, io.EOF, wait())
	require.PanicsWithValue(t, "p", func() { _ = Beside(func() error { panic("p") })() })
}
