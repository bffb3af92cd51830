package main

import (
	"syscall"
	"unsafe"
)

// chain has a child that executes argv[2] with the arguments behind it, most often another link, and waits with it: a program of another ABI
// is born so.
func chain(argc int, argv *[8]*byte) {
	if argc < 3 {
		fail("chain of what?")
	}
	child := fork()
	if child == 0 {
		none := uintptr(0)
		sys(syscall.SYS_EXECVE, ptr(argv[2]), uintptr(unsafe.Pointer(&argv[2])), uintptr(unsafe.Pointer(&none)), 0, 0, 0)
		fail("no such program")
	}
	nap := syscall.Timespec{Nsec: 300e6} // the last link is to be ready first
	sys(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0, 0, 0, 0)
	ready()
	wait()
	must(sys(syscall.SYS_KILL, uintptr(child), uintptr(syscall.SIGTERM), 0, 0, 0, 0), "kill")
	var status int32
	if r := sys(syscall.SYS_WAIT4, uintptr(child), uintptr(unsafe.Pointer(&status)), 0, 0, 0, 0); int(r) != child || status != 0 {
		fail("the child is not content")
	}
}
