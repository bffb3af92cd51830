package main

import (
	"sync/atomic"
	"syscall"
)

// unusual is what threads of the program "threads" set up beside what they always do.
var unusual uint32

const (
	isDispatched = 1
	hasTraits    = 2
)

const (
	prSetSyscallUserDispatch = 59
	prSysDispatchOn          = 1
)

// blocked is the selector of a thread whose system calls become signals.
var blocked = byte(1) // SYSCALL_DISPATCH_FILTER_BLOCK

// dispatch has system calls become signals, but for those of the program's own code: of the only thread, or with n of one of n others.
func dispatch(n int) {
	if n > 0 {
		atomic.StoreUint32(&unusual, isDispatched)
		threads(n)
		return
	}
	dispatched()
	ready()
	wait()
}

func dispatched() {
	const from, size = pageBytes, 1 << 30
	must(sys(syscall.SYS_PRCTL, prSetSyscallUserDispatch, prSysDispatchOn, from, size, ptr(&blocked), 0), "prctl")
}

// personalities are of the only thread, or the leader, and of others: flags that keep memory as it is (include/uapi/linux/personality.h).
const (
	shortInode       = 0x1000000
	wholeSeconds     = 0x2000000
	askedPersonality = 0xffffffff
)

// traits has n threads beside the first that have inherited from it what is unusual, or have changed it.
func traits(n int) {
	sys(syscall.SYS_PERSONALITY, shortInode, 0, 0, 0, 0, 0)
	before := ownTraits()
	atomic.StoreUint32(&unusual, hasTraits)
	threads(n)
	if ownTraits() != before {
		fail("the first thread has other traits")
	}
}

// A trait is what one thread tells of itself.
type trait struct{ personality uintptr }

func ownTraits() trait {
	return trait{personality: sys(syscall.SYS_PERSONALITY, askedPersonality, 0, 0, 0, 0, 0)}
}

// setUnusual is called by thread i before it says that it has started.
func setUnusual(i int) (t trait) {
	switch atomic.LoadUint32(&unusual) {
	case isDispatched:
		if i == 1 {
			dispatched()
		}
	case hasTraits:
		if i%2 == 1 {
			sys(syscall.SYS_PERSONALITY, wholeSeconds, 0, 0, 0, 0, 0)
		}
		if i == 2 {
			sys(syscall.SYS_PERSONALITY, 0, 0, 0, 0, 0, 0)
		}
		t = ownTraits()
	}
	return t
}

// keepsUnusual says that a thread still has what setUnusual told.
func keepsUnusual(t trait) bool {
	return atomic.LoadUint32(&unusual) != hasTraits || ownTraits() == t
}
