// Command goroutines is an ordinary Go program to checkpoint: goroutines that pass numbers round a ring, timers that tick,
// a heap that is collected while it runs. On SIGTERM it says PASS if no number was lost on the way.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	size     = 100
	patience = 10 * time.Second
)

// A token goes round the ring; each station adds itself, and a lap adds up to the same sum.
type token struct {
	lap, sum int
	ballast  []byte
}

const lapSum = size * (size - 1) / 2

var (
	laps, ticks atomic.Int64
	broken      atomic.Bool
)

func main() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)

	first := make(chan token)
	in := first
	for i := range size {
		out := make(chan token)
		if i == size-1 {
			out = first
		}
		go station(i, in, out)
		in = out
	}
	go func() {
		for range time.Tick(time.Millisecond) {
			ticks.Add(1)
		}
	}()
	first <- token{}
	for laps.Load() == 0 || ticks.Load() == 0 {
		runtime.Gosched()
	}
	fmt.Println("ready")
	<-term
	l, k := laps.Load(), ticks.Load()
	// A busy machine takes its time.
	for end := time.Now().Add(patience); !broken.Load() && (laps.Load() == l || ticks.Load() == k) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	switch {
	case broken.Load():
		fmt.Println("FAIL: a lap gave a wrong sum")
	case laps.Load() == l:
		fmt.Println("FAIL: the ring stands still")
	case ticks.Load() == k:
		fmt.Println("FAIL: the timer stands still")
	default:
		fmt.Println("PASS")
		return
	}
	os.Exit(1)
}

func station(i int, in <-chan token, out chan<- token) {
	for t := range in {
		t.sum += i
		if i == size-1 {
			if t.sum != lapSum*(t.lap+1) || len(t.ballast) != t.lap%1000 {
				broken.Store(true)
			}
			laps.Add(1)
			t.lap++
			t.ballast = make([]byte, t.lap%1000)
		}
		out <- t
	}
}
