package main

import (
	"syscall"
	"unsafe"
)

const (
	rw = syscall.PROT_READ | syscall.PROT_WRITE

	madvDontfork     = 10
	madvWipeOnFork   = 18 // since Linux 4.14
	madvGuardInstall = 102
	mlockOnFault     = 1
	mapDroppable     = 0x08 // since Linux 6.11
	areaPages        = 16
)

// bytes of a string that system calls read.
var (
	zeroName  = [...]byte{'/', 'd', 'e', 'v', '/', 'z', 'e', 'r', 'o', 0}
	fileArea  = [...]byte{'a', 'r', 'e', 'a', 0}
	memfdName = [...]byte{'n', 'o', 'f', 'i', 'l', 'e', 0}
)

func ptr(b *byte) uintptr { return uintptr(unsafe.Pointer(b)) }

func area(prot, flags int, fd, off uintptr) uintptr {
	return must(sys(sysMmap, 0, areaPages*pageBytes, uintptr(prot), uintptr(flags), fd, off/mmapUnit), "mmap")
}

func protect(addr uintptr, pages, prot int) {
	must(sys(syscall.SYS_MPROTECT, addr, uintptr(pages)*pageBytes, uintptr(prot), 0, 0, 0), "mprotect")
}

// empty reports whether pages that were never written to read as zeroes.
func empty(addr uintptr, pages int) bool {
	for i := range pages * pageBytes / 8 {
		if *word(addr + uintptr(i)*8) != 0 {
			return false
		}
	}
	return true
}

// areas keeps memory of many kinds. What it cannot see itself, flags above all, is for the test to look at in /proc.
func areas() {
	const private, shared = syscall.MAP_PRIVATE | syscall.MAP_ANONYMOUS, syscall.MAP_SHARED | syscall.MAP_ANONYMOUS
	none := ^uintptr(0)

	untouched := area(rw, private, none, 0)
	read := area(rw, private, none, 0)
	empty(read, areaPages) // the zero page everywhere

	sparse := area(rw, private, none, 0)
	for i := 0; i < areaPages; i += 3 {
		fill(sparse+uintptr(i)*pageBytes, 1)
	}

	hidden := area(rw, private, none, 0)
	fill(hidden, areaPages)
	protect(hidden, areaPages, syscall.PROT_NONE)

	split := area(rw, private, none, 0)
	fill(split, areaPages)
	protect(split+4*pageBytes, 4, syscall.PROT_READ)
	protect(split+8*pageBytes, 4, syscall.PROT_NONE)

	const room = 0x20000000 // nothing is below that a stack could grow into
	grows := must(sys(sysMmap, room, 4*pageBytes, rw, private|syscall.MAP_GROWSDOWN|syscall.MAP_FIXED, none, 0), "mmap")
	fill(grows, 4)

	locked := area(rw, private, none, 0)
	must(sys(syscall.SYS_MLOCK, locked, areaPages*pageBytes, 0, 0, 0, 0), "mlock")
	fill(locked, areaPages)
	onFault := area(rw, private, none, 0)
	must(sys(mlock2, onFault, areaPages*pageBytes, mlockOnFault, 0, 0, 0), "mlock2")
	fill(onFault, 2)

	lockedAway := area(rw, private, none, 0)
	fill(lockedAway, areaPages)
	protect(lockedAway, areaPages, syscall.PROT_NONE)
	sys(syscall.SYS_MLOCK, lockedAway, areaPages*pageBytes, 0, 0, 0, 0) // ENOMEM, and it is locked

	wiped := area(rw, private, none, 0)
	must(sys(syscall.SYS_MADVISE, wiped, areaPages*pageBytes, madvWipeOnFork, 0, 0, 0), "madvise")
	fill(wiped, areaPages)

	guarded := area(rw, private, none, 0)
	fill(guarded, areaPages)
	sys(syscall.SYS_MADVISE, guarded+2*pageBytes, 3*pageBytes, madvGuardInstall, 0, 0, 0) // EINVAL before Linux 6.13

	droppable := sys(sysMmap, 0, areaPages*pageBytes, rw, mapDroppable|syscall.MAP_ANONYMOUS, none, 0)
	if errno(droppable) == 0 {
		fill(droppable, areaPages)
	}

	zero := must(sys(syscall.SYS_OPENAT, atFdcwd, ptr(&zeroName[0]), syscall.O_RDWR, 0, 0, 0), "open")
	device := area(rw, syscall.MAP_PRIVATE, zero, 0)
	fill(device, 3)
	sys(syscall.SYS_CLOSE, zero, 0, 0, 0, 0, 0)

	// a file: private with one page of its own, shared from an offset on
	file := must(sys(syscall.SYS_OPENAT, atFdcwd, ptr(&fileArea[0]), syscall.O_RDWR|syscall.O_CREAT, 0o600, 0, 0), "open")
	must(sys(syscall.SYS_FTRUNCATE, file, 2*areaPages*pageBytes, 0, 0, 0, 0), "ftruncate")
	far := area(rw, syscall.MAP_SHARED, file, areaPages*pageBytes)
	fill(far, areaPages)
	sys(syscall.SYS_MLOCK, area(rw, syscall.MAP_SHARED, file, 2*areaPages*pageBytes), areaPages*pageBytes, 0, 0, 0, 0) // behind its end: as above
	near := area(rw, syscall.MAP_PRIVATE, file, areaPages*pageBytes)
	*word(near + 5*pageBytes) = 5

	// shared memory seen twice, once without its first page, and larger than either
	twice := area(rw, shared, none, 0)
	again := must(sys(syscall.SYS_MREMAP, twice+pageBytes, 0, (areaPages-1)*pageBytes, 1, 0, 0), "mremap")
	fill(twice, 3)
	must(sys(syscall.SYS_MUNMAP, twice+8*pageBytes, 8*pageBytes, 0, 0, 0, 0), "munmap")
	must(sys(syscall.SYS_MUNMAP, again+11*pageBytes, 4*pageBytes, 0, 0, 0, 0), "munmap")

	memfd := must(sys(memfdCreate, ptr(&memfdName[0]), 2, 0, 0, 0, 0), "memfd_create") // MFD_ALLOW_SEALING
	must(sys(syscall.SYS_FTRUNCATE, memfd, areaPages*pageBytes, 0, 0, 0, 0), "ftruncate")
	view := area(rw, syscall.MAP_SHARED, memfd, 0)
	fill(view, 2)
	const addSeals, getSeals, future = 1033, 1034, 0x10 | 0x2 // F_SEAL_FUTURE_WRITE, F_SEAL_SHRINK
	must(sys(syscall.SYS_FCNTL, memfd, addSeals, future, 0, 0, 0), "seal")

	ready()
	wait()

	if !empty(untouched, areaPages) || !empty(read, areaPages) {
		fail("memory that was never written to is not empty")
	}
	for i := range areaPages {
		p := sparse + uintptr(i)*pageBytes
		if i%3 == 0 && !filled(p, 1) || i%3 != 0 && !empty(p, 1) {
			fail("sparse memory has other content")
		}
	}
	protect(hidden, areaPages, syscall.PROT_READ)
	protect(split+8*pageBytes, 4, syscall.PROT_READ)
	protect(lockedAway, areaPages, syscall.PROT_READ)
	if !filled(lockedAway, areaPages) {
		fail("locked memory that could not be read has other content")
	}
	if !filled(hidden, areaPages) || !filled(split, areaPages) {
		fail("memory that could not be read has other content")
	}
	if !filled(grows, 4) {
		fail("a stack has other content")
	}
	*word(grows - pageBytes) = 1 // it grows
	if !filled(locked, areaPages) || !filled(onFault, 2) || !empty(onFault+2*pageBytes, areaPages-2) || !filled(wiped, areaPages) {
		fail("locked or wiped memory has other content")
	}
	if !filled(guarded, 2) {
		fail("memory beside a guard has other content")
	}
	if errno(droppable) == 0 && !filled(droppable, areaPages) && !empty(droppable, areaPages) {
		fail("droppable memory has some other content")
	}
	if !filled(device, 3) || !empty(device+3*pageBytes, areaPages-3) {
		fail("a private mapping of /dev/zero has other content")
	}
	if !filled(far, areaPages) || *word(near + 5*pageBytes) != 5 || !filled(near, 5) {
		fail("a mapped file has other content")
	}
	*word(far + 7*pageBytes + wordBytes) = 7
	if *word(near + 7*pageBytes + wordBytes) != 7 {
		fail("a mapping of a file is no longer of that file")
	}
	if !filled(twice, 3) || !filled(view, 2) || !empty(view+2*pageBytes, areaPages-2) {
		fail("shared memory has other content")
	}
	*word(twice + 5*pageBytes) = 55
	if *word(again + 4*pageBytes) != 55 {
		fail("two views of shared memory are two memories")
	}
	// the object is as large as it was made: all of it can be mapped again
	whole := must(sys(syscall.SYS_MREMAP, again, 0, (areaPages-1)*pageBytes, 1, 0, 0), "mremap")
	if !empty(whole+12*pageBytes, 1) {
		fail("shared memory beyond all mappings is not empty")
	}
	if sys(syscall.SYS_FCNTL, memfd, getSeals, 0, 0, 0, 0) != future {
		fail("a memfd has other seals")
	}
	*word(view + 3*pageBytes) = 3
	if sys(syscall.SYS_WRITE, memfd, view, 1, 0, 0, 0) != ^uintptr(0) { // -EPERM
		fail("a sealed memfd can be written to")
	}
}
