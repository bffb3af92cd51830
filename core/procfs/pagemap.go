package procfs

import "encoding/binary"

// PageEntry is an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
type PageEntry uint64

// PageEntrySize is the size of an entry in bytes. Page n's is at byte n * PageEntrySize of the file.
const PageEntrySize = 8

const (
	pageSoftDirty = 1 << 55
	pageExclusive = 1 << 56
	pageUffdWP    = 1 << 57
	pageGuard     = 1 << 58
	pageFile      = 1 << 61
	pageSwapped   = 1 << 62
	pagePresent   = 1 << 63

	pageFrame    = 1<<55 - 1
	pageSwapType = 1<<5 - 1
)

// PageAt is entry i of what was read from pagemap.
func PageAt(b []byte, i int) PageEntry {
	return PageEntry(binary.NativeEndian.Uint64(b[i*PageEntrySize:]))
}

// Present tells that the page is in memory.
func (e PageEntry) Present() bool { return e&pagePresent != 0 }

// Swapped tells that the page is swapped out, or is moving.
func (e PageEntry) Swapped() bool { return e&pageSwapped != 0 }

// FileOrShared tells that the page is of a file or shared anonymous memory.
func (e PageEntry) FileOrShared() bool { return e&pageFile != 0 }

// SoftDirty tells that the page was written since the bits were cleared; always false without CONFIG_MEM_SOFT_DIRTY.
func (e PageEntry) SoftDirty() bool { return e&pageSoftDirty != 0 }

// Exclusive tells that no other task has the page mapped.
func (e PageEntry) Exclusive() bool { return e&pageExclusive != 0 }

// UffdWP tells that userfaultfd write-protects the page (since 5.13).
func (e PageEntry) UffdWP() bool { return e&pageUffdWP != 0 }

// Guard tells that the page is of a guard region, MADV_GUARD_INSTALL (since 6.15; other kernels never set the bit).
func (e PageEntry) Guard() bool { return e&pageGuard != 0 }

// PFN is the frame of a present page; zero for readers without CAP_SYS_ADMIN.
func (e PageEntry) PFN() uint64 { return uint64(e & pageFrame) }

// Swap is where a swapped page is; zero for readers without CAP_SYS_ADMIN.
func (e PageEntry) Swap() (kind int, offset uint64) {
	return int(e & pageSwapType), uint64(e&pageFrame) >> 5
}
