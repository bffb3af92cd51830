// Package parallel does the same for many things at once. It imports nothing of ours.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Do calls f for 0 to n-1, in order, on all processors if n is few or more: below that, starting threads costs more than it gains. One of
// them is the caller's. It returns the error of the lowest number that has one; what comes after that may not have been done. A panic of f
// becomes the caller's, who may be holding tasks: on a goroutine of its own nobody could recover it.
func Do(n, few int, f func(i int) error) error {
	workers := 1
	if n >= few {
		workers = min(n, runtime.GOMAXPROCS(0))
	}
	d := do{n: n, f: f, at: n}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(d.work)
	}
	d.work()
	wg.Wait()
	if d.panicked != nil {
		panic(d.panicked)
	}
	return d.err
}

// Beside calls f while the caller goes on, until it calls wait, as it must. A panic of f becomes wait's.
func Beside(f func() error) (wait func() error) {
	var err error
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		err = f()
	}()
	return func() error {
		<-done
		if panicked != nil {
			panic(panicked)
		}
		return err
	}
}

// do is a Do under way.
type do struct {
	n    int
	f    func(i int) error
	next atomic.Int64

	mu       sync.Mutex
	at       int // the lowest number that failed
	err      error
	panicked any
}

// work does what is left until something fails: whoever has a lower number goes on.
func (d *do) work() {
	defer func() {
		if p := recover(); p != nil {
			d.next.Store(int64(d.n))
			d.mu.Lock()
			defer d.mu.Unlock()
			d.panicked = p
		}
	}()
	for i := int(d.next.Add(1)) - 1; i < d.n; i = int(d.next.Add(1)) - 1 {
		if err := d.f(i); err != nil {
			d.next.Store(int64(d.n))
			d.mu.Lock()
			defer d.mu.Unlock()
			if i < d.at {
				d.at, d.err = i, err
			}
			return
		}
	}
}
