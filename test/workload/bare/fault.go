package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// unwritable is where the vDSO is to write the time. It is mapped PROT_NONE until SIGTERM has come.
var unwritable uintptr

// fault has a function of the vDSO fault, on whichever stack. The handler of that stays until SIGTERM comes. When it returns, with the memory
// there, the function goes on where it was.
func fault(how int) {
	const saSiginfo, saOnstack = 0x4, 0x08000000
	readVDSO()
	lookUpAll()
	if how&onAlternate != 0 {
		stack := stackT{sp: mmap(altBytes, syscall.PROT_READ|syscall.PROT_WRITE), size: altBytes}
		must(sys(syscall.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(&stack)), 0, 0, 0, 0, 0), "sigaltstack")
	}
	act := sigaction{handler: holderAddress(), flags: holderFlags | saOnstack | saSiginfo, restorer: restorerAddress()}
	withInfo = 1
	must(sys(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGSEGV), uintptr(unsafe.Pointer(&act)), 0, sigsetSize, 0, 0), "rt_sigaction")
	atomic.StoreUintptr(&unwritable, mmap(pageBytes, syscall.PROT_NONE))
	now := (*syscall.Timespec)(unsafe.Pointer(slot(unwritable)))
	tick(now)
	if now.Sec == 0 && now.Nsec == 0 {
		fail("no time was told")
	}
	var after sigaction
	must(sys(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGSEGV), 0, uintptr(unsafe.Pointer(&after)), sigsetSize, 0, 0), "rt_sigaction")
	if after.handler != act.handler {
		fail("SIGSEGV has another action")
	}
}

// holdFault is called by the handler of what faults.
func holdFault() {
	if terminated() {
		fail("it faults again")
	}
	ready()
	open := uint64(1 << (syscall.SIGSEGV - 1))
	before := setMask(open | 1<<(syscall.SIGTERM-1))
	for !terminated() {
		sys(syscall.SYS_RT_SIGSUSPEND, uintptr(unsafe.Pointer(&open)), sigsetSize, 0, 0, 0, 0)
	}
	setMask(before)
	must(sys(syscall.SYS_MPROTECT, unwritable, pageBytes, syscall.PROT_READ|syscall.PROT_WRITE, 0, 0, 0), "mprotect")
}
