package main

import (
	"syscall"
)

// lock has all memory locked, that of times to come, too.
func lock() {
	const current, future = 1, 2 // MCL_CURRENT, MCL_FUTURE
	const pages = 16
	must(sys(syscall.SYS_MLOCKALL, current|future, 0, 0, 0, 0, 0), "mlockall")
	ready()
	wait()
	var resident [pages]byte
	must(sys(syscall.SYS_MINCORE, mmap(pages*pageBytes, syscall.PROT_READ|syscall.PROT_WRITE), pages*pageBytes, ptr(&resident[0]), 0, 0, 0), "mincore")
	for _, r := range resident {
		if r&1 == 0 {
			fail("memory to come is not locked")
		}
	}
}
