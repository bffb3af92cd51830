package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/internal/linux"
)

// Handlers of signals, called by the kernel: each says that it is there and stays until it is released. The first keeps the address that it
// returns to where the kernel has put it, the second on the stack alone. Not 0: their addresses.
var inRegister, onStack uintptr

// Written by a handler, and read by it.
var entered, release uint32

// frames is a workload of the guest's own: two threads are in handlers until it is asked to end.
func frames() {
	debug.SetGCPercent(-1) // what is in a handler cannot be stopped for that
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	returned := make(chan bool)
	for i, at := range []uintptr{inRegister, onStack} {
		if err := linux.SetHandler(unix.SIGUSR2, at, host.Backend().SignalNote.Restorer); err != nil {
			fmt.Println("FAIL:", err)
			return
		}
		go func() {
			runtime.LockOSThread()
			// within a system call, as the runtime sees it, so that it does not wait for the thread
			_, _, _ = unix.Syscall(unix.SYS_TGKILL, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(unix.SIGUSR2))
			returned <- true
		}()
		for atomic.LoadUint32(&entered) != uint32(i+1) {
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Println("ready")
	<-stop
	atomic.StoreUint32(&release, 1)
	<-returned
	<-returned
	fmt.Println("PASS")
}
