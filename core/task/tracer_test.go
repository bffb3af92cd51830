package task

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestApart(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tracer, tasks := unix.Gettid(), []*Task{{Pid: 1}, {Pid: 2}}
	tr := &Tree{Tasks: tasks}
	broken := errors.New("broken")
	calls := 0
	call := func() error {
		calls++
		if tid := unix.Gettid(); tid != tracer {
			t.Errorf("call on thread %d, not on the tracer's, %d", tid, tracer)
		}
		return broken
	}
	err := tr.Apart(func() error {
		require.NotEqual(t, tracer, unix.Gettid())
		var wg sync.WaitGroup
		for _, task := range tasks {
			wg.Go(func() {
				for range 10 {
					if err := task.byTracer(call); err != broken {
						t.Errorf("result %v", err)
					}
				}
			})
		}
		wg.Wait()
		return tasks[0].byTracer(call)
	})
	require.Equal(t, broken, err)
	require.Equal(t, 21, calls)
	require.PanicsWithValue(t, "lost", func() { _ = tr.Apart(func() error { panic("lost") }) })
	require.NoError(t, tasks[0].byTracer(func() error { return nil }), "the caller's own again")
}
