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

// clock is a workload of the guest's own: threads do little but ask for the time, which never goes back, and the runtime sends them signals
// meanwhile.
func clock() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	runtime.GOMAXPROCS(3)
	var wrong, over atomic.Int32
	done := make(chan bool)
	for range 2 {
		go func() {
			for last := time.Now(); over.Load() == 0; {
				now := time.Now()
				if now.Before(last) {
					wrong.Add(1)
				}
				last = now
			}
			done <- true
		}()
	}
	fmt.Println("ready")
	<-stop
	over.Store(1)
	<-done
	<-done
	if n := wrong.Load(); n > 0 {
		fmt.Println("FAIL: the time went back", n, "times")
		os.Exit(1)
	}
	fmt.Println("PASS")
}
