//go:build linux && !amd64 && !386

// Command registers keeps known values in all registers of the processor and compares them again and again, until SIGTERM. It is the
// workload of that name for processors that test/workload/bare is not written for.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
)

const loops = 1 << 18

// keep loads the vector registers from in, gives the general registers values of their own, counts loops down and stores the
// vector registers to out. It returns 0 if all others are what they were.
func keep(loops uint64, in, out *[vectorWords]uint64) uint64

// pause is for what needs no keeping in registers.
func pause() { syscall.Nanosleep(&syscall.Timespec{Nsec: 10e6}, nil) }

// A keeper prepares something for its thread to keep, and returns how to see that it is as it was.
type keeper func() (check func() error, err error)

func main() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	all := append(keepers(), keepAll)
	// All of them are in the middle of it, however few processors there are, and wait for no others as for a garbage collection.
	runtime.GOMAXPROCS(len(all) + 1)
	debug.SetGCPercent(-1)
	rounds := make([]atomic.Uint64, len(all))
	failed := make(chan error, len(all))
	for i, prepare := range all {
		go func() {
			runtime.LockOSThread()
			check, err := prepare()
			for err == nil {
				rounds[i].Add(1)
				err = check()
			}
			failed <- err
		}()
	}
	// await waits until all have checked once more at least.
	await := func() {
		for i := range rounds {
			for end := rounds[i].Load() + 2; rounds[i].Load() < end && len(failed) == 0; {
				syscall.Nanosleep(&syscall.Timespec{Nsec: 1e6}, nil)
			}
		}
	}
	for _, say := range []string{"ready", "PASS"} {
		await()
		select {
		case why := <-failed:
			fmt.Println("FAIL:", why)
			os.Exit(1)
		default:
			fmt.Println(say)
		}
		if say == "ready" {
			<-term
		}
	}
}

// keepAll is the keeper of the registers that every processor has.
func keepAll() (func() error, error) {
	var in, out [vectorWords]uint64
	for i := range in {
		in[i] = uint64(i+1) * 0x9e3779b97f4a7c15
	}
	return func() error {
		clear(out[:])
		if keep(loops, &in, &out) != 0 {
			return errors.New("a general register changed")
		}
		for i := range in {
			if in[i] != out[i] {
				return fmt.Errorf("word %d of the vector registers is %#x, not %#x", i, out[i], in[i])
			}
		}
		return nil
	}, nil
}
