//go:build linux && amd64

package main

import (
	"syscall"
	"unsafe"
)

type usec = int64 // of a struct timeval

const (
	sysMmap   = syscall.SYS_MMAP
	mmapUnit  = 1
	wordBytes = 8
	pageBytes = 4096

	memfdCreate = 319
	mlock2      = 325

	elsewhere = 0x7000_0000_0000 // no kernel maps anything there
	programs  = 1 << 32          // where the vDSO is not, and this program is

	holderFlags = saRestorer
)

// layTLS lays out what is at the thread pointer: g, a word of the thread's own.
func layTLS(tls uintptr, own uint64) {
	*word(tls - wordBytes) = uint64(uintptr(unsafe.Pointer(&g0)))
	*word(tls) = own
}

// lookUpEntry has nothing to look for.
func lookUpEntry() {}

// writeLDT gives the program a segment of its own in its local descriptor table.
func writeLDT() {
	segment := [4]uint32{0, 0x1000, 0xfffff, 0x51} // struct user_desc
	const write = 1
	must(sys(syscall.SYS_MODIFY_LDT, write, uintptr(unsafe.Pointer(&segment)), 16, 0, 0, 0), "modify_ldt")
}
