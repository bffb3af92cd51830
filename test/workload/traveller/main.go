// Command traveller is an ordinary Go program to checkpoint under one kernel and restore under another: threads that ask the vDSO for
// the time over and over and compare it with the kernel's own, one that draws random numbers through it, alarms that come a hundred times
// a second, memory that is known. It runs on every processor that Go has.
//
// CLOCK_MONOTONIC counts from the start of a machine, so it may go back with a restore. Whoever restores the program says so by SIGUSR1:
// the clock may have gone back as often as that, and no more. Each SIGUSR1 is answered by a line, once alarms come again.
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	spinners   = 2
	slack      = 100 * time.Millisecond // between a clock's two ways
	memorySize = 1 << 20
	alarmEvery = 10 * time.Millisecond
)

var (
	stop     atomic.Bool
	wg       sync.WaitGroup
	restores atomic.Int64
	failures = make(chan string, 100)

	began       time.Time     // by the vDSO
	beganKernel time.Duration // by a system call, less than slack after
)

func main() {
	if err := run(); err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
	fmt.Println("PASS")
}

func run() error {
	signals := make(chan os.Signal, 1000)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	alarms := make(chan os.Signal, 10)
	signal.Notify(alarms, syscall.SIGALRM)
	if _, err := unix.Setitimer(unix.ItimerReal, unix.MakeItimerval(alarmEvery, alarmEvery)); err != nil {
		return fmt.Errorf("setitimer: %w", err)
	}
	private, shared, err := memory()
	if err != nil {
		return err
	}
	begin()
	for range spinners {
		wg.Go(spin)
	}
	wg.Go(draw)
	fmt.Println("ready")
	for s := range signals {
		for range 3 {
			<-alarms
		}
		if s == syscall.SIGTERM {
			break
		}
		fmt.Printf("signal %d\n", restores.Add(1))
	}
	stop.Store(true)
	wg.Wait()
	for i := range private {
		if private[i] != pattern(i) || shared[i] != ^pattern(i) {
			return fmt.Errorf("memory changed at %#x", i)
		}
	}
	select {
	case why := <-failures:
		return fmt.Errorf("%s", why)
	default:
		return nil
	}
}

// begin reads the clock both ways. What is between the two stays between them, so it begins anew if this was kept waiting there.
func begin() {
	for {
		began = time.Now()
		beganKernel = kernelTime()
		if time.Since(began) < slack {
			return
		}
	}
}

func memory() (private, shared []byte, err error) {
	private = make([]byte, memorySize)
	if shared, err = unix.Mmap(-1, 0, memorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS); err != nil {
		return nil, nil, fmt.Errorf("mmap: %w", err)
	}
	for i := range private {
		private[i], shared[i] = pattern(i), ^pattern(i)
	}
	return private, shared, nil
}

func pattern(i int) byte { return byte(i*7 + i>>8) }

// spin is one thread's.
func spin() {
	runtime.LockOSThread()
	var last time.Duration
	var back int64
	var first string
	for !stop.Load() {
		a := time.Since(began)
		kernel := kernelTime() - beganKernel
		b := time.Since(began)
		if a < last || b < a || kernel < a-slack || kernel > b+slack {
			if back++; first == "" {
				first = fmt.Sprintf("%v, then %v, %v of the kernel, %v", last, a, kernel, b)
			}
		}
		last = b
		for range 1000 {
			now := time.Since(began)
			if now < last {
				back++
			}
			last = now
		}
		runtime.Gosched() // a clock that went back keeps Go from noticing who runs for long
	}
	if n := restores.Load(); back > n {
		failures <- fmt.Sprintf("the clock went back or was not the kernel's %d times in %d restores, first %s", back, n, first)
	}
}

// kernelTime asks by a system call.
func kernelTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		failures <- "clock_gettime: " + err.Error()
	}
	return time.Duration(ts.Nano())
}

// draw never gets the same twice: Go asks the vDSO's getrandom where there is one.
func draw() {
	runtime.LockOSThread()
	drawn := map[[16]byte]bool{}
	for !stop.Load() {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		if drawn[b] {
			failures <- fmt.Sprintf("random number %x came twice", b)
			return
		}
		if len(drawn) < 1000 {
			drawn[b] = true
		}
		runtime.Gosched()
	}
}
