package mem

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// Fds are the descriptors in the task by which a restore's program reaches files: of pages, and of the image's files.
type Fds interface {
	// Mapped is a descriptor of the file that an area maps.
	Mapped(v *image.VmaEntry) (int, error)
}

// Map appends the making of areas to p: mappings with their final protection, or writable ones where content has to come in.
func Map(p *stub.Program, vmas []*image.VmaEntry, files Fds, filled func(*image.VmaEntry) bool) error {
	for _, v := range vmas {
		if v.Status&(Vdso|Vvar|Vsyscall) != 0 {
			continue
		}
		fd, off := -1, uint64(0)
		if v.Status&(FilePrivate|FileShared|AnonShared) != 0 {
			var err error
			if fd, err = files.Mapped(v); err != nil {
				return fmt.Errorf("vma %x-%x: %w", v.Start, v.End, err)
			}
			off = v.Pgoff
		}
		prot := v.Prot
		if filled(v) {
			prot |= unix.PROT_WRITE
		}
		flags := v.Flags&^unix.MAP_LOCKED | unix.MAP_FIXED
		if fd >= 0 {
			flags &^= unix.MAP_ANONYMOUS
		}
		p.Call(arch.SysMmap, v.Start, v.End-v.Start, prot, flags, fd, off).Expect(int64(v.Start))
	}
	return nil
}

// Seal appends what areas get once their content is there: protection, advice, locks.
func Seal(p *stub.Program, vmas []*image.VmaEntry, filled func(*image.VmaEntry) bool) {
	for _, v := range vmas {
		if v.Status&(Vdso|Vvar|Vsyscall) != 0 {
			continue
		}
		size := v.End - v.Start
		if filled(v) && v.Prot&unix.PROT_WRITE == 0 {
			p.Call(arch.SysMprotect, v.Start, size, v.Prot)
		}
		if v.Madv != nil {
			for advice := range 64 {
				if *v.Madv>>advice&1 != 0 {
					p.Call(arch.SysMadvise, v.Start, size, advice)
				}
			}
		}
		if v.Flags&unix.MAP_LOCKED != 0 {
			p.Call(arch.SysMlock, v.Start, size)
		}
	}
}

// Fill appends reads of pages from the file open as fd. Entries and the file go in step: the first page is at offset 0.
func Fill(p *stub.Program, pages []*image.PagemapEntry, page uint64, fd int, skip func(addr uint64) bool) {
	var iov []byte
	var off, start, size uint64
	flush := func() {
		if size > 0 {
			p.Call(arch.SysPreadv, fd, p.Area.Bytes(iov), len(iov)/16, start).Expect(int64(size))
		}
		iov, size = nil, 0
	}
	for _, e := range pages {
		n := Pages(e) * page
		if !skip(e.Vaddr) {
			for at, left := e.Vaddr, n; left > 0; {
				if size == 0 {
					start = off + (n - left)
				}
				k := min(left, maxRead-size)
				iov = binary.LittleEndian.AppendUint64(iov, at)
				iov = binary.LittleEndian.AppendUint64(iov, k)
				at, left, size = at+k, left-k, size+k
				if size == maxRead || len(iov) == 16*maxIovecs {
					flush()
				}
			}
		} else {
			flush()
		}
		off += n
	}
	flush()
}

// maxRead bounds one preadv; the kernel stops at MAX_RW_COUNT, 2 GiB less a page.
const maxRead = 1 << 30

// Pages is the number of pages of an entry.
func Pages(e *image.PagemapEntry) uint64 {
	if e.NrPages != nil {
		return *e.NrPages
	}
	return uint64(e.CompatNrPages)
}

// MmMap is the struct prctl_mm_map of an image's mm (include/uapi/linux/prctl.h), 104 bytes; auxv is where the vector is.
func MmMap(m *image.MmEntry, auxv stub.Data, auxvSize, exeFd int) []byte {
	var b []byte
	for _, v := range []uint64{m.MmStartCode, m.MmEndCode, m.MmStartData, m.MmEndData, m.MmStartBrk, m.MmBrk, m.MmStartStack,
		m.MmArgStart, m.MmArgEnd, m.MmEnvStart, m.MmEnvEnd, auxv.Addr()} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(auxvSize))
	return binary.LittleEndian.AppendUint32(b, uint32(exeFd))
}

// Auxv is the vector as the kernel keeps it, ended by AT_NULL.
func Auxv(m *image.MmEntry) []byte {
	var b []byte
	for _, v := range m.MmSavedAuxv {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	if n := len(m.MmSavedAuxv); n < 2 || m.MmSavedAuxv[n-2] != 0 {
		b = append(b, make([]byte, 16)...)
	}
	return b
}

// Filled says which areas get content from entries of the pagemap.
func Filled(pages []*image.PagemapEntry) func(*image.VmaEntry) bool {
	return func(v *image.VmaEntry) bool {
		i, found := slices.BinarySearchFunc(pages, v.Start, func(e *image.PagemapEntry, at uint64) int { return cmp.Compare(e.Vaddr, at) })
		if found {
			return true
		}
		return i < len(pages) && pages[i].Vaddr < v.End
	}
}

// InVdso says whether an address lies in the image's vDSO, whose pages the running kernel brings.
func InVdso(vmas []*image.VmaEntry) func(addr uint64) bool {
	return func(addr uint64) bool {
		for _, v := range vmas {
			if v.Status&Vdso != 0 && v.Start <= addr && addr < v.End {
				return true
			}
		}
		return false
	}
}
