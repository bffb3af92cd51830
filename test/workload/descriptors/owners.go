package main

import (
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// owners of files get a signal of their choice when there is something to read.
func owners() func() {
	const sig = unix.SIGUSR1
	got := make(chan os.Signal, 1)
	signal.Notify(got, sig)
	r, w := pipe(0)
	setOwner := func() {
		_, err := unix.FcntlInt(uintptr(r), unix.F_SETOWN, unix.Getpid())
		must(err, "F_SETOWN")
	}
	// another effective user says so: that is kept, too
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		_, _, e := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 1234, ^uintptr(0))
		same(e, 0, "setresuid")
		setOwner()
		_, _, e = unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0))
		same(e, 0, "setresuid")
		close(done)
	}()
	<-done
	_, err := unix.FcntlInt(uintptr(r), unix.F_SETSIG, int(sig))
	must(err, "F_SETSIG")
	_, err = unix.FcntlInt(uintptr(r), unix.F_SETFL, unix.O_ASYNC)
	must(err, "F_SETFL")

	return func() {
		same(value(unix.FcntlInt(uintptr(r), unix.F_GETSIG, 0)), int(sig), "F_GETSIG")
		same(value(unix.FcntlInt(uintptr(r), unix.F_GETOWN, 0)), unix.Getpid(), "F_GETOWN")
		uid, euid := ownerUsers(r)
		same(uid, 0, "user of the owner")
		same(euid, 1234, "effective user of the owner")
		// user 1234 may not signal root
		_, err := unix.FcntlInt(uintptr(r), unix.F_SETOWN, unix.Getpid())
		must(err, "F_SETOWN")
		write(w, "x")
		select {
		case <-got:
		case <-time.After(5 * time.Second):
			fail("no signal")
		}
	}
}
