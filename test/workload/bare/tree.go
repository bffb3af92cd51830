package main

import (
	"syscall"
	"unsafe"
)

const maxChildren = 1024

// children are those of the process at hand; each has the array to itself after the fork.
var children [maxChildren]int

// tree has width children, and each of them width more, to depth levels. By turns a child leads a session, leads a process
// group, or neither.
func tree(width, depth int) {
	if width > maxChildren {
		fail("too many children")
	}
	grow(width, depth)
	ready()
	wait()
	if !fell(width, depth) {
		fail("a child is missing, or found its parent, session or process group changed")
	}
}

// grow makes the tree below this process and returns once all of it waits.
func grow(width, depth int) {
	if depth == 0 {
		return
	}
	var pipe [2]int32
	for i := range width {
		must(sys(syscall.SYS_PIPE2, uintptr(unsafe.Pointer(&pipe)), 0, 0, 0, 0, 0), "pipe2")
		child := fork()
		if child == 0 {
			leaf(i, width, depth-1, &pipe)
		}
		children[i] = child
		sys(syscall.SYS_CLOSE, uintptr(pipe[1]), 0, 0, 0, 0, 0)
		var b byte
		if sys(syscall.SYS_READ, uintptr(pipe[0]), uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0) != 1 {
			fail("a child ended early")
		}
		sys(syscall.SYS_CLOSE, uintptr(pipe[0]), 0, 0, 0, 0, 0)
	}
}

// leaf is a child's life: it tells its parent through the pipe when its own part of the tree is there.
func leaf(i, width, depth int, pipe *[2]int32) {
	sys(syscall.SYS_CLOSE, uintptr(pipe[0]), 0, 0, 0, 0, 0)
	switch i % 3 {
	case 0:
		must(sys(syscall.SYS_SETSID, 0, 0, 0, 0, 0, 0), "setsid")
	case 1:
		must(sys(syscall.SYS_SETPGID, 0, 0, 0, 0, 0, 0), "setpgid")
	}
	parent, group, session := getppid(), getpgid(), getsid()
	grow(width, depth)
	b := byte(1)
	sys(syscall.SYS_WRITE, uintptr(pipe[1]), uintptr(unsafe.Pointer(&b)), 1, 0, 0, 0)
	sys(syscall.SYS_CLOSE, uintptr(pipe[1]), 0, 0, 0, 0, 0)
	wait()
	if fell(width, depth) && getppid() == parent && getpgid() == group && getsid() == session {
		exit(0)
	}
	exit(1)
}

// fell ends the tree below this process and reports whether every child was there and content.
func fell(width, depth int) bool {
	if depth == 0 {
		return true
	}
	ok := true
	for _, child := range children[:width] {
		sys(syscall.SYS_KILL, uintptr(child), uintptr(syscall.SIGTERM), 0, 0, 0, 0)
		var status int32
		r := sys(syscall.SYS_WAIT4, uintptr(child), uintptr(unsafe.Pointer(&status)), 0, 0, 0, 0)
		ok = ok && int(r) == child && status == 0
	}
	return ok
}

func fork() int {
	return int(must(sys(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0), "fork"))
}
