package main

import (
	"sync/atomic"
	"syscall"
)

// unusual is what threads of the program "threads" set up beside what they always do.
var unusual uint32

const isDispatched = 1

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

// setUnusual is called by thread i before it says that it has started.
func setUnusual(i int) {
	if atomic.LoadUint32(&unusual) == isDispatched && i == 1 {
		dispatched()
	}
}
