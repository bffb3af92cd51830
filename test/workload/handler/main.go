// Command handler is an ordinary Go program with a thread that is inside a signal handler whenever it is frozen. The handler returns to
// code that the kernel or the program chose when it was called (vDSO, [sigpage] or sa_restorer), and that has to be there still, however
// often the program was dumped and restored since.
//
// Each SIGUSR1 lets the handler return, and is answered by a line once the thread is inside the next one.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// What the handlers, in assembly, look at.
var (
	inside  uint32 // a handler runs
	release uint32 // it may return
)

// handlerAddress is the handler: it sets inside, waits for release and returns.
func handlerAddress() uintptr

func main() {
	if err := run(); err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
	fmt.Println("PASS")
}

func run() error {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	if err := linux.SetHandler(unix.SIGUSR2, handlerAddress(), restorerAddress()); err != nil {
		return fmt.Errorf("rt_sigaction: %w", err)
	}
	returned := make(chan error)
	go func() {
		runtime.LockOSThread()
		for {
			// The handler runs before the call returns; meanwhile this thread is nothing that Go waits for.
			var err error
			if _, _, e := unix.Syscall(unix.SYS_TGKILL, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(unix.SIGUSR2)); e != 0 {
				err = e
			}
			returned <- err
		}
	}()
	await(&inside)
	fmt.Println("ready")
	for n := 1; ; n++ {
		s := <-signals
		if atomic.LoadUint32(&inside) == 0 {
			return fmt.Errorf("the handler has returned early")
		}
		atomic.StoreUint32(&inside, 0)
		atomic.StoreUint32(&release, 1)
		if err := <-returned; err != nil {
			return fmt.Errorf("tgkill: %w", err)
		}
		if s == syscall.SIGTERM {
			return nil
		}
		await(&inside)
		fmt.Printf("signal %d\n", n)
	}
}

func await(word *uint32) {
	for atomic.LoadUint32(word) == 0 {
		runtime.Gosched()
	}
}
