// Package parallel does the same for many things at once. It imports nothing of ours.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Do calls f for 0 to n-1, in order, on all processors if n is few or more: below that, starting threads costs more than it gains. One of
// them is the caller's. It returns the error of the lowest number that has one; what comes after that may not have been done. A panic of f
// becomes the caller's, who may be holding tasks: on a goroutine of its own nobody could recover it.
func Do(n, few int, f func(i int) error) error {
	workers := 0
	if n >= few {
		workers = min(n, runtime.GOMAXPROCS(0)) - 1
	}
	return begin(n, workers, f)()
}

// Begin is a Do that goes on while the caller does something else, until it calls finish, as it must. That does what nobody has begun yet,
// all of it if n is less than few, and may be called again.
func Begin(n, few int, f func(i int) error) (finish func() error) {
	workers := 0
	if n >= few {
		workers = min(n, max(1, runtime.GOMAXPROCS(0)-1))
	}
	return begin(n, workers, f)
}

// Beside is Begin of a single thing: finish does it if nobody has begun.
func Beside(f func() error) (finish func() error) {
	return Begin(1, 1, func(int) error { return f() })
}

// do is a Do under way.
type do struct {
	n       int
	f       func(i int) error
	next    atomic.Int64
	working atomic.Int64 // goroutines that have begun and not ended; who begins when nothing is left does nothing
	all     sync.WaitGroup

	mu       sync.Mutex
	at       int // the lowest number that failed
	err      error
	panicked any
}

func begin(n, workers int, f func(i int) error) (finish func() error) {
	d := &do{n: n, f: f, at: n}
	for range workers {
		d.all.Go(func() {
			d.working.Add(1)
			d.work()
			d.working.Add(-1)
		})
	}
	return d.finish
}

func (d *do) finish() error {
	d.work()
	d.wait()
	if d.panicked != nil {
		panic(d.panicked)
	}
	return d.err
}

// patience is how long a caller with nothing to do waits awake. The kernel may wake one that sleeps on the processor of the worker that ends, and
// the next worker there too: virtual machines do not see that another one is idle, since that looks like one that the host has taken
// (kernel/sched/fair.c, available_idle_cpu). Both share one then for some milliseconds, which is as long as most of what we do.
const patience = 500 * time.Microsecond

// wait waits until no goroutine is working. Nothing is left to begin.
func (d *do) wait() {
	awake := patience
	if runtime.GOMAXPROCS(0) == 1 { // they wait for the caller to sleep
		awake = 0
	}
	for start := time.Now(); d.working.Load() != 0; {
		if time.Since(start) > awake {
			d.all.Wait()
		}
	}
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
