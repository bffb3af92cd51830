//go:build linux && arm64

package main

import "syscall"

type usec = int64 // of a struct timeval

const (
	sysMmap   = syscall.SYS_MMAP
	mmapUnit  = 1
	wordBytes = 8
	pageBytes = 64 << 10 // or less

	memfdCreate = 279
	mlock2      = 284

	elsewhere = 0x7000_0000_0000 // no kernel maps anything there
	programs  = 1 << 32          // where the vDSO is not, and this program is
	// The handler that holds a program up returns through the vDSO, as those of C libraries do. SA_SIGINFO gives it its context.
	holderFlags = 4
)

// layTLS lays out what is at the thread pointer: a word of the thread's own.
func layTLS(tls uintptr, own uint64) { *word(tls) = own }

// lookUpEntry has nothing to look for.
func lookUpEntry() {}

// writeLDT is for processors that have a local descriptor table.
func writeLDT() { fail("ldt: there is none on this processor") }
