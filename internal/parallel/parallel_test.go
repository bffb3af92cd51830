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

func TestBegin(t *testing.T) {
	for _, processors := range []int{1, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		for _, few := range []int{1, 1000} {
			done := make([]atomic.Int32, 100)
			finish := Begin(len(done), few, func(i int) error { done[i].Add(1); return nil })
			require.NoError(t, finish())
			require.NoError(t, finish())
			for i := range done {
				require.Equal(t, int32(1), done[i].Load(), "%d, few %d", i, few)
			}
		}
		// the caller does what the others have no time for
		busy, freed := make(chan bool), make(chan bool)
		finish := Begin(100, 1, func(i int) error {
			switch i {
			case 0:
				close(busy)
				<-freed
			case 99:
				close(freed)
			}
			return nil
		})
		<-busy
		require.NoError(t, finish())
	}
}
