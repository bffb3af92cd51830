package core

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgress(t *testing.T) {
	type told struct {
		stage       string
		done, total int64
	}
	var last atomic.Pointer[told]
	o := Options{Progress: func(stage string, done, total int64) { last.Store(&told{stage, done, total}) }}
	p, stop := o.watch()
	p.enter("memory")
	p.of(4)
	p.add(3)
	require.Eventually(t, func() bool { return last.Load() != nil }, 10*time.Second, time.Millisecond)
	require.Equal(t, told{"memory", 3, 4}, *last.Load())
	p.enter("tasks")
	require.Eventually(t, func() bool { return last.Load().stage == "tasks" }, 10*time.Second, time.Millisecond)
	require.Equal(t, told{"tasks", 0, 0}, *last.Load())
	stop()
	last.Store(nil)
	time.Sleep(2 * progressEvery)
	require.Nil(t, last.Load(), "told after the end")
}

func TestNobodyWatches(t *testing.T) {
	p, stop := (&Options{}).watch()
	p.enter("memory")
	p.of(1)
	p.add(1)
	stop()
}
