package main

import (
	"syscall"
	"unsafe"
)

var goName = [3]byte{'g', 'o'}

// vfork has a child for which it waits as the parent of a vfork does, in the kernel, where nothing but SIGKILL ends the wait. The
// child exits when a file "go" appears in the current directory.
func vfork() {
	ready()
	child := int(must(sys(syscall.SYS_CLONE, syscall.CLONE_VFORK|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0), "vfork"))
	if child == 0 {
		nap := syscall.Timespec{Nsec: 1e6}
		for errno(sys(syscall.SYS_OPENAT, atFdcwd, uintptr(unsafe.Pointer(&goName)), syscall.O_RDONLY, 0, 0, 0)) != 0 {
			sys(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0, 0, 0, 0)
		}
		exit(0)
	}
	wait()
	var status int32
	r := sys(syscall.SYS_WAIT4, uintptr(child), uintptr(unsafe.Pointer(&status)), 0, 0, 0, 0)
	if int(r) != child || status != 0 {
		fail("the child is not what it was")
	}
}
