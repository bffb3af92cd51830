package mem

import (
	"encoding/binary"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// zeroFrame is the frame number of the zero page, seen through a page of ours that was only read; 0 where the kernel shows no
// frame numbers.
var zeroFrame = sync.OnceValue(func() uint64 {
	page := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Munmap(mem) }()
	touched = mem[0] // so that there is a page
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0
	}
	defer f.Close()
	var b [8]byte
	if _, err := f.ReadAt(b[:], int64(linux.Address(mem)/uint64(page)*8)); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b[:]) & pmFrame
})

var touched byte
