package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	threadFlags = syscall.CLONE_VM | syscall.CLONE_FS | syscall.CLONE_FILES | syscall.CLONE_SIGHAND | syscall.CLONE_THREAD |
		syscall.CLONE_SYSVSEM | syscall.CLONE_SETTLS
	// As a C library lays them out: address space that is mostly never touched, and a guard below it.
	stackBytes = 8 << 20
	guardBytes = pageBytes
	altBytes   = 16 << 10
	// A thread's own block at the top of its stack: 64 bytes of argument, then thread-local words.
	tlsBytes = 256

	futexWait = 0 // FUTEX_WAIT
	futexWake = 1 // FUTEX_WAKE
)

// A stackT is the kernel's stack_t.
type stackT struct {
	sp    uintptr
	flags int32
	size  uintptr
}

var (
	started, verified, wrong uint32
	release                  uint32 // the futex that all threads wait for
)

// threads has n threads besides the first, each with its own thread-local word, signal mask and alternate stack.
func threads(n int) {
	for i := range n {
		low := mmap(stackBytes, 0)
		must(sys(syscall.SYS_MPROTECT, low+guardBytes, stackBytes-guardBytes, syscall.PROT_READ|syscall.PROT_WRITE, 0, 0, 0), "mprotect")
		top := low + stackBytes - tlsBytes
		tls := top + tlsBytes/2
		*word(top) = uint64(i)
		layTLS(tls, mix(uint64(i)))
		must(thread(threadFlags, top, tls), "clone")
	}
	for int(atomic.LoadUint32(&started)) < n {
		sys(syscall.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
	}
	ready()
	wait()
	atomic.StoreUint32(&release, 1)
	sys(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&release)), futexWake, 1<<30, 0, 0, 0)
	for int(atomic.LoadUint32(&verified)) < n {
		sys(syscall.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
	}
	if atomic.LoadUint32(&wrong) != 0 {
		fail("a thread lost its thread-local word, signal mask, alternate stack or traits")
	}
}

// threadMain is what thread i runs.
func threadMain(i int) {
	if in := atomic.LoadUint32(&spinning); in != 0 {
		spinner(in)
	}
	// SIGTERM is for the first thread.
	mask := mix(uint64(i))&0x7fff_ffff_0000_0000 | 1<<(syscall.SIGTERM-1)
	setMask(mask)
	alt := stackT{sp: mmap(altBytes, syscall.PROT_READ|syscall.PROT_WRITE), size: altBytes}
	must(sys(syscall.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(&alt)), 0, 0, 0, 0, 0), "sigaltstack")
	traits := setUnusual(i)

	atomic.AddUint32(&started, 1)
	for atomic.LoadUint32(&release) == 0 {
		sys(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&release)), futexWait, 0, 0, 0, 0)
	}
	var now stackT
	must(sys(syscall.SYS_SIGALTSTACK, 0, uintptr(unsafe.Pointer(&now)), 0, 0, 0, 0), "sigaltstack")
	if !keepsUnusual(traits) {
		atomic.AddUint32(&wrong, 1)
	}
	if now.sp != alt.sp || now.size != alt.size || now.flags != 0 || tlsWord() != uintptr(mix(uint64(i))) || setMask(mask) != mask {
		atomic.AddUint32(&wrong, 1)
	}
	atomic.AddUint32(&verified, 1)
	sys(syscall.SYS_EXIT, 0, 0, 0, 0, 0, 0)
}
