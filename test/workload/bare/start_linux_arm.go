//go:build linux && arm

package main

type usec = int32 // of a struct timeval

const (
	sysMmap   = 192 // mmap2
	mmapUnit  = 4096
	wordBytes = 4
	pageBytes = 4096

	memfdCreate = 385
	mlock2      = 390

	elsewhere = 0x7000_0000 // no kernel maps anything there
	programs  = 0x2000_0000 // where the vDSO is not, and this program is
	// The handler that holds a program up returns through [sigpage].
	holderFlags = 0
)

// layTLS lays out what is at the thread pointer: a word of the thread's own.
func layTLS(tls uintptr, own uint64) { *word(tls) = own }

// lookUpEntry has nothing to look for.
func lookUpEntry() {}

// writeLDT is for processors that have a local descriptor table.
func writeLDT() { fail("ldt: there is none on this processor") }
