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

// include/uapi/linux/prctl.h
const (
	prGetTSC                 = 25
	prSetTSC                 = 26
	prMCEKill                = 33
	prMCEKillGet             = 34
	prSetSyscallUserDispatch = 59
	prSetMemoryMerge         = 67
	prGetMemoryMerge         = 68

	prTSCEnable     = 1
	prTSCSigsegv    = 2
	prMCEKillClear  = 0
	prMCEKillSet    = 1
	prMCEKillLate   = 0
	prMCEKillEarly  = 1
	prSysDispatchOn = 1
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

// traits has n threads beside the first that have inherited from it what is unusual, or have changed it. With plain the first has nothing.
// What a kernel or a processor lacks it tells by the same error before and after.
func traits(n, plain int) {
	const madvMergeable, madvUnmergeable = 12, 13
	merged, apart := mmap(pageBytes, rw), mmap(3*pageBytes, rw)
	protect(apart, 1, syscall.PROT_NONE) // keeps it from being one with its neighbour
	sys(syscall.SYS_MADVISE, merged, pageBytes, madvMergeable, 0, 0, 0)
	if plain == 0 {
		sys(syscall.SYS_PERSONALITY, shortInode, 0, 0, 0, 0, 0)
		prctl(prSetTSC, prTSCSigsegv, 0)
		prctl(prMCEKill, prMCEKillSet, prMCEKillEarly)
		prctl(prSetMemoryMerge, 1, 0)
		sys(syscall.SYS_MADVISE, apart+pageBytes, 2*pageBytes, madvUnmergeable, 0, 0, 0)
	}
	before := ownTraits()
	atomic.StoreUint32(&unusual, hasTraits)
	threads(n)
	if ownTraits() != before {
		fail("the first thread has other traits")
	}
}

// A trait is what one thread tells of itself.
type trait struct {
	personality, mceKill, merge uintptr
	tsc                         uint32
}

func ownTraits() (t trait) {
	t.personality = sys(syscall.SYS_PERSONALITY, askedPersonality, 0, 0, 0, 0, 0)
	t.mceKill, t.merge = prctl(prMCEKillGet, 0, 0), prctl(prGetMemoryMerge, 0, 0)
	var tsc int32
	prctl(prGetTSC, ptr32(&tsc), 0)
	t.tsc = uint32(tsc)
	return t
}

func prctl(option, a, b uintptr) uintptr { return sys(syscall.SYS_PRCTL, option, a, b, 0, 0, 0) }

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
			prctl(prSetTSC, prTSCEnable, 0)
			prctl(prMCEKill, prMCEKillClear, 0)
		}
		if i == 2 {
			sys(syscall.SYS_PERSONALITY, 0, 0, 0, 0, 0, 0)
			prctl(prMCEKill, prMCEKillSet, prMCEKillLate)
		}
		t = ownTraits()
	}
	return t
}

// keepsUnusual says that a thread still has what setUnusual told.
func keepsUnusual(t trait) bool {
	return atomic.LoadUint32(&unusual) != hasTraits || ownTraits() == t
}
