package main

import "syscall"

// The descriptor by which a table shows whether it is shared.
const probeFd = 100

var (
	subName  = [4]byte{'s', 'u', 'b', 0}
	markName = [5]byte{'m', 'a', 'r', 'k', 0}
)

// siblings are two children that have a table of descriptors in common, and not with their parent.
func siblings() {
	var pipe [2]int32
	must(sys(syscall.SYS_PIPE2, ptr32(&pipe[0]), 0, 0, 0, 0, 0), "pipe2")
	always := func() bool { return true }
	first := relative(syscall.CLONE_FILES, &pipe, always)
	second := relative(syscall.CLONE_FILES, &pipe, always)
	must(sys(syscall.SYS_UNSHARE, syscall.CLONE_FILES, 0, 0, 0, 0, 0), "unshare")
	ready()
	wait()
	if !agrees(first) || !agrees(second) {
		fail("a child ended early")
	}
}

// share has three children: one with the same table of descriptors, one with the same working directory and umask, one with
// neither.
func share() {
	must(sys(syscall.SYS_MKDIRAT, atFdcwd, ptr(&subName[0]), 0o700, 0, 0, 0), "mkdirat")
	var pipe [2]int32
	must(sys(syscall.SYS_PIPE2, ptr32(&pipe[0]), 0, 0, 0, 0, 0), "pipe2")
	files := relative(syscall.CLONE_FILES, &pipe, func() bool {
		open := holdsProbe()
		sys(syscall.SYS_CLOSE, probeFd, 0, 0, 0, 0, 0)
		return open
	})
	place := relative(syscall.CLONE_FS, &pipe, func() bool {
		mask := sys(syscall.SYS_UMASK, 0o11, 0, 0, 0, 0, 0)
		marked := errno(sys(syscall.SYS_FACCESSAT, atFdcwd, ptr(&markName[0]), 0, 0, 0, 0)) == 0
		return mask == 0o70 && marked && !holdsProbe()
	})
	neither := relative(0, &pipe, func() bool {
		return sys(syscall.SYS_UMASK, 0, 0, 0, 0, 0, 0) == 0o22 && !holdsProbe()
	})
	sys(syscall.SYS_UMASK, 0o22, 0, 0, 0, 0, 0)
	ready()
	wait()
	must(sys(syscall.SYS_DUP3, 1, probeFd, 0, 0, 0, 0), "dup3")
	must(sys(syscall.SYS_CHDIR, ptr(&subName[0]), 0, 0, 0, 0, 0), "chdir")
	mark := must(sys(syscall.SYS_OPENAT, atFdcwd, ptr(&markName[0]), syscall.O_CREAT, 0o600, 0, 0), "openat")
	sys(syscall.SYS_CLOSE, mark, 0, 0, 0, 0, 0)
	sys(syscall.SYS_UMASK, 0o70, 0, 0, 0, 0, 0)
	if !agrees(neither) {
		fail("a child shares what it did not")
	}
	if !agrees(files) || holdsProbe() {
		fail("a child has another table of descriptors")
	}
	if !agrees(place) || sys(syscall.SYS_UMASK, 0, 0, 0, 0, 0, 0) != 0o11 {
		fail("a child has another working directory or umask")
	}
}

func holdsProbe() bool {
	return errno(sys(syscall.SYS_FCNTL, probeFd, syscall.F_GETFD, 0, 0, 0, 0)) == 0
}

// relative makes a child, which ends with status 0 on SIGTERM if it agrees, and returns its PID once it waits.
func relative(flags uintptr, pipe *[2]int32, agree func() bool) int {
	child := must(sys(syscall.SYS_CLONE, flags|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0), "clone")
	var b byte
	if child != 0 {
		if sys(syscall.SYS_READ, uintptr(pipe[0]), ptr(&b), 1, 0, 0, 0) != 1 {
			fail("a child ended early")
		}
		return int(child)
	}
	sys(syscall.SYS_UMASK, 0o22, 0, 0, 0, 0, 0)
	sys(syscall.SYS_WRITE, uintptr(pipe[1]), ptr(&b), 1, 0, 0, 0)
	wait()
	if agree() {
		exit(0)
	}
	exit(1)
	return 0
}

// agrees ends a child and says whether its status is 0.
func agrees(child int) bool {
	sys(syscall.SYS_KILL, uintptr(child), uintptr(syscall.SIGTERM), 0, 0, 0, 0)
	var status int32
	return int(sys(syscall.SYS_WAIT4, uintptr(child), ptr32(&status), 0, 0, 0, 0)) == child && status == 0
}
