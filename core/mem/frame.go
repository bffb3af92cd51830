package mem

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// zeroFrame is the frame number of the zero page, seen through a page of ours that was only read; 0 where the kernel shows no
// frame numbers.
var zeroFrame = sync.OnceValue(func() uint64 {
	page := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Munmap(mem) }()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0
	}
	defer f.Close()
	var b [procfs.PageEntrySize]byte
	if _, err := f.ReadAt(b[:], int64(linux.Address(mem)/uint64(page)*procfs.PageEntrySize)); err != nil {
		return 0
	}
	return procfs.PageAt(b[:], 0).PFN()
})
