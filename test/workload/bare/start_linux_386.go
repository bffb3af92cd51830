//go:build linux && 386

package main

import (
	"syscall"
	"unsafe"
)

type usec = int32 // of a struct timeval

const (
	sysMmap   = 192 // mmap2
	mmapUnit  = pageBytes
	wordBytes = 4
	pageBytes = 4096

	memfdCreate = 356
	mlock2      = 376

	elsewhere = 0x7000_0000 // no kernel maps anything there
	programs  = 0x2000_0000 // where the vDSO is not, and this program is
	// The handler that holds a program up returns through the vDSO, as those of C libraries do.
	holderFlags = 0
)

// A userDesc is the kernel's struct user_desc.
type userDesc struct{ entry, base, limit, flags uint32 }

var (
	mainDesc   = userDesc{entry: ^uint32(0), limit: 0xfffff, flags: 0x51} // a new one; of 32 bits, in pages, usable
	threadDesc userDesc                                                   // of the thread that is made
	vsyscall   uintptr                                                    // __kernel_vsyscall, by which calls are made once it is known
)

// layTLS lays out what is at the thread pointer: g, the pointer itself, a word of the thread's own.
func layTLS(tls uintptr, own uint64) {
	*word(tls + wordBytes) = own
	*word(tls - wordBytes) = uint64(tls)<<32 | uint64(uintptr(unsafe.Pointer(&g0)))
}

// lookUpEntry has all calls made as C libraries make them.
func lookUpEntry() { vsyscall = lookUp("__kernel_vsyscall") }

// writeLDT gives the program a segment of its own in its local descriptor table.
func writeLDT() {
	segment := [4]uint32{0, 0x1000, 0xfffff, 0x51} // struct user_desc
	const write = 1
	must(sys(syscall.SYS_MODIFY_LDT, write, uintptr(unsafe.Pointer(&segment)), 16, 0, 0, 0), "modify_ldt")
}
