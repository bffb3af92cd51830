package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	saRestorer = 0x04000000 // SA_RESTORER, asm/signal.h
	sigsetSize = 8          // the kernel's sigset_t
	sigSetmask = 2          // SIG_SETMASK
	everything = ^uint64(0)
)

// catch lets handler note signal s. System calls that it interrupts end with EINTR.
func catch(s syscall.Signal) {
	act := sigaction{handler: handlerAddress(), flags: saRestorer, restorer: restorerAddress()}
	must(sys(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&act)), 0, sigsetSize, 0, 0), "rt_sigaction")
}

func terminated() bool { return atomic.LoadUint32(&signalled) == uint32(syscall.SIGTERM) }

// setMask blocks the signals in mask and returns those that were blocked before.
func setMask(mask uint64) (old uint64) {
	must(sys(syscall.SYS_RT_SIGPROCMASK, sigSetmask, uintptr(unsafe.Pointer(&mask)), uintptr(unsafe.Pointer(&old)), sigsetSize, 0, 0),
		"rt_sigprocmask")
	return old
}

// wait returns when SIGTERM has come. The signal is blocked but inside the waiting call, so it cannot be missed.
func wait() {
	blocked := setMask(everything)
	open := blocked &^ (1 << (syscall.SIGTERM - 1))
	for !terminated() {
		sys(syscall.SYS_RT_SIGSUSPEND, uintptr(unsafe.Pointer(&open)), sigsetSize, 0, 0, 0, 0)
	}
	setMask(blocked)
}

func getpid() int  { return int(sys(syscall.SYS_GETPID, 0, 0, 0, 0, 0, 0)) }
func getppid() int { return int(sys(syscall.SYS_GETPPID, 0, 0, 0, 0, 0, 0)) }
func getpgid() int { return int(sys(syscall.SYS_GETPGID, 0, 0, 0, 0, 0, 0)) }
func getsid() int  { return int(sys(syscall.SYS_GETSID, 0, 0, 0, 0, 0, 0)) }
