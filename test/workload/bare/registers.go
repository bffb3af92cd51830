package main

import (
	"syscall"
	"unsafe"
)

// The vector registers: of 32 bytes, or their lower halves.
const vectorBytes = vectorCount * 32

var (
	vectorsIn, vectorsOut [vectorBytes]byte
	rounds                uint64
	roundsName            = [7]byte{'r', 'o', 'u', 'n', 'd', 's'}
)

const (
	sigRtmin = 34                       // the first real-time signal that a C library leaves free
	blockSet = 1<<(syscall.SIGUSR1-1) | // of the process
		1<<(syscall.SIGUSR2-1) | // of the thread
		1<<(sigRtmin-1) // queued twice
)

// registers keeps known values in all registers of the processor and compares them again and again. It has signals blocked that
// are pending, files open, memory of its own, and a file "rounds" that says how far it is, so that one can see it go on. If tick
// is not 0, a signal interrupts it as often, in microseconds.
func registers(tick int) {
	const pages = 8
	addr := mmap(pages*pageBytes, syscall.PROT_READ|syscall.PROT_WRITE)
	fill(addr, pages)
	fd := must(sys(syscall.SYS_OPENAT, atFdcwd, uintptr(unsafe.Pointer(&roundsName)), syscall.O_RDWR|syscall.O_CREAT, 0o600, 0, 0), "openat")
	mask := setMask(blockSet) | blockSet
	pid := uintptr(getpid())
	must(sys(syscall.SYS_KILL, pid, uintptr(syscall.SIGUSR1), 0, 0, 0, 0), "kill")
	must(sys(syscall.SYS_TGKILL, pid, pid, uintptr(syscall.SIGUSR2), 0, 0, 0), "tgkill")
	for range 2 {
		must(sys(syscall.SYS_KILL, pid, sigRtmin, 0, 0, 0, 0), "kill")
	}
	for i := range vectorsIn {
		vectorsIn[i] = byte(7*i + 1)
	}
	size := vectorSize()
	setControl()
	if tick != 0 {
		catch(syscall.SIGALRM)
		every := syscall.Timeval{Usec: usec(tick)}
		timer := [2]syscall.Timeval{every, every}
		const itimerReal = 0
		must(sys(syscall.SYS_SETITIMER, itimerReal, uintptr(unsafe.Pointer(&timer)), 0, 0, 0, 0), "setitimer")
	}
	ready()
	for !terminated() {
		clearVectors()
		if keep(size, 1<<17, uintptr(unsafe.Pointer(&vectorsIn)), uintptr(unsafe.Pointer(&vectorsOut))) != 0 {
			fail("a general register changed")
		}
		for i := range vectorsIn {
			if uintptr(i)%32 < size && vectorsOut[i] != vectorsIn[i] {
				fail("a vector register changed")
			}
		}
		rounds++
		must(sys(syscall.SYS_PWRITE64, fd, uintptr(unsafe.Pointer(&rounds)), 8, 0, 0, 0), "pwrite")
	}
	if !filled(addr, pages) {
		fail("a page has other content")
	}
	if setMask(mask) != mask {
		fail("the signal mask changed")
	}
	takePending()
}

func clearVectors() {
	for i := range vectorsOut {
		vectorsOut[i] = 0
	}
}

// takePending looks for the signals that were left pending, each as often as it was sent.
func takePending() {
	var zero syscall.Timespec
	set := uint64(blockSet)
	var usr1, usr2, rt int
	for {
		r := sys(syscall.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, uintptr(unsafe.Pointer(&zero)), sigsetSize, 0, 0)
		switch int(r) {
		case int(syscall.SIGUSR1):
			usr1++
		case int(syscall.SIGUSR2):
			usr2++
		case sigRtmin:
			rt++
		default:
			if usr1 != 1 || usr2 != 1 || rt != 2 {
				fail("pending signals are not what they were")
			}
			return
		}
	}
}
