package linux

import "unsafe"

// Categories of pages for PAGEMAP_SCAN (include/uapi/linux/fs.h, since Linux 6.7; SOFT_DIRTY and GUARD came later: where
// the kernel does not know a category in a mask, the scan is EINVAL).
const (
	PAGE_IS_WPALLOWED  = 1 << 0 // userfaultfd write-protects asynchronously here
	PAGE_IS_WRITTEN    = 1 << 1 // written since it was write-protected
	PAGE_IS_FILE       = 1 << 2 // of a file or shared anonymous memory
	PAGE_IS_PRESENT    = 1 << 3
	PAGE_IS_SWAPPED    = 1 << 4
	PAGE_IS_PFNZERO    = 1 << 5 // the zero page
	PAGE_IS_HUGE       = 1 << 6 // mapped by a PMD
	PAGE_IS_SOFT_DIRTY = 1 << 7
	PAGE_IS_GUARD      = 1 << 8
)

// Flags of a scan.
const (
	PM_SCAN_WP_MATCHING   = 1 << 0 // write-protect the pages that match
	PM_SCAN_CHECK_WPASYNC = 1 << 1 // stop at an area that is not set up for that
)

// PageRegion is struct page_region: pages in a row whose returned categories are equal.
type PageRegion struct {
	Start, End uint64
	Categories uint64
}

// PmScanArg is struct pm_scan_arg. A page matches if (categories ^ inverted) has all of Mask and, if that is not zero, one of AnyofMask.
type PmScanArg struct {
	size             uint64
	Flags            uint64
	Start, End       uint64
	WalkEnd          uint64 // set by the kernel, see PagemapScan
	vec              pointer
	vecLen           uint64
	MaxPages         uint64 // 0 is no limit
	CategoryInverted uint64
	CategoryMask     uint64
	CategoryAnyof    uint64
	ReturnMask       uint64
}

var pagemapScan = iowr('f', 16, unsafe.Sizeof(PmScanArg{}))

// PagemapScan scans the pages of /proc/PID/pagemap, open as fd, and returns how many of regions it filled. The scan is complete unless that is
// all of them; else it goes on from the end of the last one. (arg.WalkEnd is not to be relied on: where the kernel's own buffer, of as many
// regions as a table of pages has entries, was full in between it may be what that was full at; fs/proc/task_mmu.c, do_pagemap_scan.) ENOTTY where
// the kernel does not have it.
func PagemapScan(fd int, arg *PmScanArg, regions []PageRegion) (int, error) {
	arg.size = uint64(unsafe.Sizeof(*arg))
	arg.vec, arg.vecLen = pointer{p: unsafe.Pointer(unsafe.SliceData(regions))}, uint64(len(regions))
	return ioctl(fd, pagemapScan, unsafe.Pointer(arg))
}
