package main

import (
	"syscall"
	"unsafe"
)

// pace says, when it is told to end, how long a call of the vDSO's clock_gettime takes: picoseconds, the best of some rounds.
func pace() {
	readVDSO()
	lookUpAll()
	ready()
	wait()
	const rounds, calls = 20, 100_000
	best := uint64(1 << 63)
	for range rounds {
		var from, to, ts syscall.Timespec
		sys(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&from)), 0, 0, 0, 0)
		for range calls {
			tick(&ts)
		}
		sys(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&to)), 0, 0, 0, 0)
		best = min(best, uint64((to.Sec-from.Sec)*1e9+to.Nsec-from.Nsec)*1000/calls)
	}
	var text [24]byte
	at := len(text) - 1
	text[at] = '\n'
	for ; best > 0; best /= 10 {
		at--
		text[at] = byte('0' + best%10)
	}
	say(unsafe.String(&text[at], len(text)-at))
}
