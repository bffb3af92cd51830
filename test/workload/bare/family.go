package main

import (
	"syscall"
	"unsafe"
)

// familyPages is how much a parent and its child have in common, before either writes.
const familyPages = 64

// family is a parent with mib MiB of its own and a child, forked, that has changed some of what it got: memory that neither has
// written to since is shared.
func family(mib int) {
	get := func() uintptr {
		addr := mmap(familyPages*pageBytes, rw)
		fill(addr, familyPages)
		return addr
	}
	same, changed, dropped, gone, moved, locked, kept := get(), get(), get(), get(), get(), get(), get()
	must(sys(syscall.SYS_MLOCK, locked, familyPages*pageBytes, 0, 0, 0, 0), "mlock")
	must(sys(syscall.SYS_MADVISE, kept, familyPages*pageBytes, madvDontfork, 0, 0, 0), "madvise")
	shared := must(sys(sysMmap, 0, familyPages*pageBytes, rw, syscall.MAP_SHARED|syscall.MAP_ANONYMOUS, ^uintptr(0), 0), "mmap")
	fill(shared, familyPages)
	const room = 0x20000000 // nothing else is near
	grows := must(sys(sysMmap, room, familyPages*pageBytes, rw, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS|syscall.MAP_FIXED, ^uintptr(0), 0), "mmap")
	fill(grows, familyPages)
	large := uintptr(0)
	if mib > 0 {
		large = mmap(mib<<20, rw)
		fill(large, mib<<20/pageBytes)
	}
	var pipe [2]int32
	must(sys(syscall.SYS_PIPE2, ptr32(&pipe[0]), 0, 0, 0, 0, 0), "pipe2")
	child := fork()
	if child == 0 {
		for i := 0; i < familyPages; i += 16 {
			*word(changed + uintptr(i)*pageBytes) = 1
		}
		must(sys(syscall.SYS_MADVISE, dropped, 8*pageBytes, syscall.MADV_DONTNEED, 0, 0, 0), "madvise")
		protect(dropped, familyPages, syscall.PROT_READ)
		must(sys(syscall.SYS_MUNMAP, gone, familyPages*pageBytes, 0, 0, 0, 0), "munmap")
		// as a heap does
		must(sys(syscall.SYS_MREMAP, grows, familyPages*pageBytes, 2*familyPages*pageBytes, 0, 0, 0), "mremap")
		fill(grows+familyPages*pageBytes, familyPages)
		must(sys(syscall.SYS_MREMAP, moved, familyPages*pageBytes, familyPages*pageBytes, 3, gone, 0), "mremap")
	}
	b := byte(0)
	if child == 0 {
		sys(syscall.SYS_WRITE, uintptr(pipe[1]), ptr(&b), 1, 0, 0, 0)
	} else if sys(syscall.SYS_READ, uintptr(pipe[0]), ptr(&b), 1, 0, 0, 0) != 1 {
		fail("a child ended early")
	}
	sys(syscall.SYS_CLOSE, uintptr(pipe[0]), 0, 0, 0, 0, 0)
	sys(syscall.SYS_CLOSE, uintptr(pipe[1]), 0, 0, 0, 0, 0)
	if child != 0 {
		ready()
	}
	wait()
	if !filled(same, familyPages) || !filled(locked, familyPages) || large != 0 && !filled(large, mib<<20/pageBytes) {
		fail("memory has other content")
	}
	if child == 0 {
		for i := range familyPages {
			p := changed + uintptr(i)*pageBytes
			if i%16 == 0 && *word(p) != 1 || i%16 != 0 && *word(p) != mix(uint64(i)+1) {
				fail("the child's memory that was written to has other content")
			}
		}
		if !empty(dropped, 8) || *word(dropped + 8*pageBytes) != mix(9) {
			fail("the child's memory that was dropped has other content")
		}
		if !filled(grows, familyPages) || !filled(grows+familyPages*pageBytes, familyPages) {
			fail("the child's memory that has grown has other content")
		}
		if !filled(gone, familyPages) {
			fail("the child's memory that was moved has other content")
		}
		*word(shared + pageBytes) = 77
		exit(0)
	}
	if !filled(grows, familyPages) || !filled(changed, familyPages) || !filled(dropped, familyPages) || !filled(gone, familyPages) || !filled(moved, familyPages) ||
		!filled(kept, familyPages) || !filled(shared, familyPages) {
		fail("the parent's memory has other content")
	}
	sys(syscall.SYS_KILL, uintptr(child), uintptr(syscall.SIGTERM), 0, 0, 0, 0)
	var status int32
	if int(sys(syscall.SYS_WAIT4, uintptr(child), ptr32(&status), 0, 0, 0, 0)) != child || status != 0 {
		fail("the child is not content")
	}
	if *word(shared + pageBytes) != 77 {
		fail("what the child wrote to shared memory is not seen")
	}
}

func ptr32(p *int32) uintptr { return uintptr(unsafe.Pointer(p)) }
