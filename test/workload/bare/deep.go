package main

import (
	"syscall"
	"unsafe"
)

// Pages that deep has mapped: the n-th holds n.
var (
	deepPages [4096]uintptr
	deepCount int
)

// deep works at the low end of its main stack: where the engine has its refuge while it makes calls by hand. It maps a page now and then.
func deep() {
	low := stackStart()
	const depth = 24 << 10
	onStack(low + depth)
}

// deepLoop is called by onStack.
func deepLoop() {
	ready()
	for !terminated() && deepCount < len(deepPages) {
		p := mmap(pageBytes, syscall.PROT_READ|syscall.PROT_WRITE)
		*word(p) = uint64(deepCount)
		deepPages[deepCount] = p
		deepCount++
		nap := syscall.Timespec{Nsec: 2e6}
		sys(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0, 0, 0, 0)
	}
	wait()
	for i := range deepCount {
		if *word(deepPages[i]) != uint64(i) {
			fail("a page has other content")
		}
	}
	pass()
}

// stackStart is where the area of the main stack begins.
func stackStart() uintptr {
	n := readMaps()
	for line := 0; line < n; {
		end := line
		for end < n && mapsText[end] != '\n' {
			end++
		}
		if at := line; endsIn(line, end, "[stack]") {
			return hex(&at)
		}
		line = end + 1
	}
	fail("no stack")
	return 0
}
