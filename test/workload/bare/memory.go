package main

import (
	"syscall"
	"unsafe"
)

const leastPage = 4096 // of any kernel

// mmap maps fresh anonymous private memory.
func mmap(bytes, prot int) uintptr {
	return must(sys(sysMmap, 0, uintptr(bytes), uintptr(prot), syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS, ^uintptr(0), 0), "mmap")
}

func word(addr uintptr) *uint64 { return *(**uint64)(unsafe.Pointer(&addr)) }

// mix makes neighbouring numbers unlike each other (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fill writes two words into each page at addr, so that no two pages are alike.
func fill(addr uintptr, pages int) {
	for i := range pages {
		p := addr + uintptr(i)*pageBytes
		*word(p) = mix(uint64(i) + 1)
		*word(p + pageBytes - 8) = ^mix(uint64(i) + 1)
		for at := uintptr(leastPage); at < pageBytes; at += leastPage {
			*word(p + at + 8) = uint64(i) // kernels with small pages have several here
		}
	}
}

func filled(addr uintptr, pages int) bool {
	for i := range pages {
		p := addr + uintptr(i)*pageBytes
		if *word(p) != mix(uint64(i)+1) || *word(p + pageBytes - 8) != ^mix(uint64(i)+1) || *word(p + pageBytes/2) != 0 {
			return false
		}
	}
	return true
}

// memory keeps mib MiB of pages that all differ.
func memory(mib int) {
	pages := mib << 20 / pageBytes
	addr := mmap(mib<<20, syscall.PROT_READ|syscall.PROT_WRITE)
	fill(addr, pages)
	ready()
	wait()
	if !filled(addr, pages) {
		fail("a page has other content")
	}
}

// spin counts without a system call, in two places at once, beside a pattern in memory: registers and pages must stay in
// step. Extra areas make it look like a program with libraries.
func spin(areas int) {
	const pages = 8
	addr := mmap(pages*pageBytes, syscall.PROT_READ|syscall.PROT_WRITE)
	fill(addr, pages)
	for i := range areas {
		// Neighbours that differ in protection are not merged into one area.
		a := mmap(pageBytes, syscall.PROT_READ|syscall.PROT_WRITE)
		fill(a, 1)
		if i%2 == 0 {
			must(sys(syscall.SYS_MPROTECT, a, pageBytes, syscall.PROT_READ, 0, 0, 0), "mprotect")
		}
	}
	counter := mmap(pageBytes, syscall.PROT_READ|syscall.PROT_WRITE)
	ready()
	n := uint64(0)
	for !terminated() {
		if *word(counter) != n {
			fail("the counter in memory and the one in a register differ")
		}
		n++
		*word(counter) = n
	}
	if !filled(addr, pages) {
		fail("a page has other content")
	}
}

const napSeconds = 100_000 // longer than any test

// nap is how long sleep sleeps. The handler of signals makes it zero, so that one that comes just before the sleep is not slept over.
var nap = syscall.Timespec{Sec: napSeconds}

// sleep stays in one nanosleep.
func sleep() {
	var left syscall.Timespec
	ready()
	r := sys(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), uintptr(unsafe.Pointer(&left)), 0, 0, 0, 0)
	if r == 0 && terminated() {
		return
	}
	if errno(r) != syscall.EINTR {
		fail("nanosleep ended by itself")
	}
	if left.Sec <= 0 || left.Sec > napSeconds {
		fail("nanosleep gave a wrong time left")
	}
	// The sleep may have ended early, at the restore of a call that the kernel cannot restart.
	wait()
}
