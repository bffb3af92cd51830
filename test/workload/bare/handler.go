package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// held is how often the handler has held the program up, which the file "rounds" says, too.
var (
	held     uint32
	heldFile uintptr
	holding  uint32
	openMask uint64 // while it does
	withInfo uint32 // it is called with a struct ucontext
	alarmed  uint32 // it was called
	returned uint32 // it was called since the main loop began anew: it may not be through with returning, which is by code of the vDSO
	calling  uint32 // the program makes a call: that of 386 is in the vDSO, too, and stays there
	atOnce   uint32 // where the next handler interrupts another one: atBegin or atEnd, or 0
)

// How the handler is called.
const (
	onAlternate = 1 << iota // on a stack of its own
	asInfo                  // with SA_SIGINFO
	unblocked               // with SA_NODEFER and an empty mask
	atBegin                 // where another handler begins, not inside a function of the vDSO
	atEnd                   // where another handler ends, in code of the kernel's or the program's that makes the call for that
)

// handlers calls functions of the vDSO all the time. A timer interrupts it, and where that is inside the vDSO the handler stays until SIGUSR1
// comes: in a system call and, every other time, running. Who sends that has dumped it by then, and a dump turns the handler's return to where
// the vDSO would have returned. how says how the handler is called, and whether it is by a timer. Where it is not, what was interrupted gets back
// its mask and its registers, of which handlers have others: those of rounding will do.
func handlers(how int) {
	const saSiginfo, saOnstack, saRestart, saNodefer = 0x4, 0x08000000, 0x10000000, 0x40000000
	readVDSO()
	lookUpAll()
	catch(syscall.SIGUSR1)
	if how&onAlternate != 0 {
		const bytes = 256 << 10 // for handlers that interrupt one another: three frames of arm64 and what they call are 16 KiB
		stack := stackT{sp: mmap(bytes, syscall.PROT_READ|syscall.PROT_WRITE), size: bytes}
		must(sys(syscall.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(&stack)), 0, 0, 0, 0, 0), "sigaltstack")
	}
	// what ends the handler's wait must not come right before it
	act := sigaction{handler: holderAddress(), flags: holderFlags | saRestart | saOnstack, restorer: restorerAddress(),
		mask: 1<<(syscall.SIGUSR1-1) | 1<<(syscall.SIGTERM-1)}
	openMask = 1 << (syscall.SIGALRM - 1)
	if how&asInfo != 0 {
		withInfo = 1
		act.flags |= saSiginfo
	}
	if how&unblocked != 0 {
		act.flags |= saNodefer
		act.mask, openMask = 0, 0
	}
	for _, sig := range []syscall.Signal{syscall.SIGALRM, syscall.SIGUSR2} {
		must(sys(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, sigsetSize, 0, 0), "rt_sigaction")
	}
	heldFile = must(sys(syscall.SYS_OPENAT, atFdcwd, uintptr(unsafe.Pointer(&roundsName)), syscall.O_RDWR|syscall.O_CREAT, 0o600, 0, 0), "openat")
	var state randomState
	if randomFn != 0 {
		state = newRandomState()
	}
	// Each alarm comes some time after the last one was dealt with, or a machine that has much to do would do nothing else. Where one
	// handler can interrupt another, that is to happen.
	alarm := [2]syscall.Timeval{1: {Usec: 300}}
	if how&unblocked != 0 {
		alarm[0].Usec, alarm[1].Usec = 10_000, 10_000
	}
	setControl()
	ready()
	if how&(atBegin|atEnd) == 0 {
		setAlarm(&alarm)
	}

	const clockMonotonicCoarse = 6
	const tickLimit = 1 // second that a clock may be behind
	var last, now, coarse syscall.Timespec
	var day syscall.Timeval
	var drawn, drawnBefore drawing
	for !terminated() {
		atomic.StoreUint32(&returned, 0)
		if how&(atBegin|atEnd) != 0 {
			twoAtOnce(uint32(how))
		} else if alarm[0].Usec == 0 && atomic.SwapUint32(&alarmed, 0) == 1 {
			setAlarm(&alarm)
		}
		tick(&now)
		if earlier(&now, &last) {
			fail("time went backwards")
		}
		last = now
		if call(clockFn, clockMonotonicCoarse, uintptr(unsafe.Pointer(&coarse)), 0, 0, 0) != 0 || coarse.Sec < last.Sec-tickLimit {
			fail("the coarse clock tells another time")
		}
		before := day.Sec
		if call(dayFn, uintptr(unsafe.Pointer(&day)), 0, 0, 0, 0) != 0 || day.Sec < before-tickLimit {
			fail("gettimeofday tells another time")
		}
		if timeFn != 0 && int64(call(timeFn, 0, 0, 0, 0, 0)) < int64(day.Sec)-tickLimit {
			fail("time tells another time")
		}
		if randomFn != 0 {
			state.draw(&drawn)
			if drawn == drawnBefore || drawn == (drawing{}) {
				fail("no random numbers")
			}
			drawnBefore = drawn
		}
	}
}

func setAlarm(alarm *[2]syscall.Timeval) {
	const itimerReal = 0
	atomic.StoreUint32(&calling, 1)
	must(sys(syscall.SYS_SETITIMER, itimerReal, uintptr(unsafe.Pointer(alarm)), 0, 0, 0, 0), "setitimer")
	atomic.StoreUint32(&calling, 0)
}

// twoAtOnce has SIGALRM interrupt the handler of SIGUSR2 before its first instruction: of two signals the kernel begins with the lower one
// (kernel/signal.c, next_signal). where is atBegin or atEnd, among others.
func twoAtOnce(where uint32) {
	before := setMask(1<<(syscall.SIGALRM-1) | 1<<(syscall.SIGUSR2-1))
	atomic.StoreUint32(&calling, 1)
	pid := uintptr(getpid())
	for _, sig := range []syscall.Signal{syscall.SIGALRM, syscall.SIGUSR2} {
		must(sys(syscall.SYS_KILL, pid, uintptr(sig), 0, 0, 0, 0), "kill")
	}
	atomic.StoreUint32(&atOnce, where&(atBegin|atEnd))
	setMask(before)
	if keep(vectorSize(), 1, uintptr(unsafe.Pointer(&vectorsIn)), uintptr(unsafe.Pointer(&vectorsOut))) != 0 {
		fail("a register that tells how to round changed")
	}
	if setMask(before) != before {
		fail("the signal mask changed")
	}
	atomic.StoreUint32(&calling, 0)
}

// hold is called by the handler with its struct ucontext.
func hold(context uintptr) {
	if atomic.LoadUintptr(&unwritable) != 0 {
		holdFault()
		return
	}
	atomic.StoreUint32(&alarmed, 1)
	pc := giant(context + ucontextPC)
	where := atomic.SwapUint32(&atOnce, 0)
	if where == 0 && (pc < programs || calling != 0 || atomic.LoadUint32(&returned) != 0) || terminated() || holding != 0 {
		atomic.StoreUint32(&returned, 1)
		return
	}
	if where == atEnd {
		end(context)
	}
	holding = 1
	atomic.CompareAndSwapUint32(&signalled, uint32(syscall.SIGUSR1), 0)
	held++
	n := uint64(held)
	must(sys(syscall.SYS_PWRITE64, heldFile, uintptr(unsafe.Pointer(&n)), 8, 0, 0, 0), "pwrite")
	for held%2 == 0 && atomic.LoadUint32(&signalled) == 0 {
		sys(syscall.SYS_RT_SIGSUSPEND, uintptr(unsafe.Pointer(&openMask)), sigsetSize, 0, 0, 0, 0)
	}
	setMask(openMask)
	for atomic.LoadUint32(&signalled) == 0 {
	}
	if !terminated() && where != atEnd && giant(context+ucontextPC) >= programs {
		fail("the handler still returns into the vDSO")
	}
	holding = 0
	atomic.StoreUint32(&returned, 1)
}
