package main

import (
	"syscall"
	"unsafe"
)

const (
	atFdcwd  = ^uintptr(99) // AT_FDCWD, -100
	maxFiles = 8192
	maxPipes = 2048
)

var (
	opened [maxFiles]int32
	pipes  [maxPipes][2]int32
)

// files keeps n files of the current directory open, each at an offset of its own, and m pipes with a byte in flight.
func files(n, m int) {
	if n > maxFiles || m > maxPipes {
		fail("too many files or pipes")
	}
	for i := range n {
		name := fileName(i)
		fd := must(sys(syscall.SYS_OPENAT, atFdcwd, uintptr(unsafe.Pointer(&name)), syscall.O_RDWR|syscall.O_CREAT, 0o600, 0, 0), "openat")
		must(sys(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&name)), uintptr(len(name)), 0, 0, 0), "write")
		must(sys(syscall.SYS_LSEEK, fd, uintptr(i), 0, 0, 0, 0), "lseek")
		opened[i] = int32(fd)
	}
	for i := range m {
		must(sys(syscall.SYS_PIPE2, uintptr(unsafe.Pointer(&pipes[i])), 0, 0, 0, 0, 0), "pipe2")
		b := byte(i)
		must(sys(syscall.SYS_WRITE, uintptr(pipes[i][1]), uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0), "write to a pipe")
	}
	ready()
	wait()
	for i := range n {
		const seekCur = 1
		if int(sys(syscall.SYS_LSEEK, uintptr(opened[i]), 0, seekCur, 0, 0, 0)) != i {
			fail("a file has another offset")
		}
		name := fileName(i)
		got := name
		r := sys(syscall.SYS_PREAD64, uintptr(opened[i]), uintptr(unsafe.Pointer(&got)), uintptr(len(got)), 0, 0, 0)
		if int(r) != len(got) || got != name {
			fail("a descriptor leads to another file")
		}
	}
	for i := range m {
		var b byte
		r := sys(syscall.SYS_READ, uintptr(pipes[i][0]), uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0)
		if r != 1 || b != byte(i) {
			fail("a pipe lost what was in flight")
		}
	}
}

// fileName is "f" and four letters for i, ending in a zero byte.
func fileName(i int) [6]byte {
	return [6]byte{'f', 'a' + byte(i>>12&15), 'a' + byte(i>>8&15), 'a' + byte(i>>4&15), 'a' + byte(i&15), 0}
}
