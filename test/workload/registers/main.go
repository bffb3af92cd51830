//go:build linux && !amd64 && !386

// Command registers keeps known values in all registers of the processor and compares them again and again, until SIGTERM. It is the
// workload of that name for processors that test/workload/bare is not written for.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

const loops = 1 << 18

// keep loads the vector registers from in, gives the general registers values of their own, counts loops down and stores the
// vector registers to out. It returns 0 if all others are what they were.
func keep(loops uint64, in, out *[vectorWords]uint64) uint64

func main() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	var rounds atomic.Uint64
	failed := make(chan string, 2+vectorWords)
	go func() {
		var in, out [vectorWords]uint64
		for i := range in {
			in[i] = uint64(i+1) * 0x9e3779b97f4a7c15
		}
		more := keepMore()
		for {
			clear(out[:])
			if keep(loops, &in, &out) != 0 {
				failed <- "a general register changed"
			}
			for i := range in {
				if in[i] != out[i] {
					failed <- fmt.Sprintf("word %d of the vector registers is %#x, not %#x", i, out[i], in[i])
				}
			}
			if err := more(); err != nil {
				failed <- err.Error()
			}
			rounds.Add(1)
		}
	}()
	fmt.Println("ready")
	<-term
	for n := rounds.Load() + 2; rounds.Load() < n && len(failed) == 0; {
		syscall.Nanosleep(&syscall.Timespec{Nsec: 1e6}, nil)
	}
	select {
	case why := <-failed:
		fmt.Println("FAIL:", why)
		os.Exit(1)
	default:
		fmt.Println("PASS")
	}
}
