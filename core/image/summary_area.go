package image

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func (s *Set) summarizeArea(t *Task, v *VmaEntry) AreaSummary {
	sum := AreaSummary{
		Start: address(v.Start), End: address(v.End), Prot: protText(v), Flags: areaFlags(v), What: s.areaWhat(v), Offset: v.Pgoff,
	}
	sum.Stored = t.Pagemap.StoredIn(v.Start, v.End)
	if pm := s.Shmem[s.shmid(v)]; pm != nil {
		sum.Stored += pm.StoredIn(v.Pgoff, v.Pgoff+v.End-v.Start)
	}
	if sum.What == "" && v.Start <= t.Mm.MmStartStack && t.Mm.MmStartStack < v.End {
		sum.What = "[stack]"
	}
	return sum
}

// shmid names the shared memory that an area maps.
func (s *Set) shmid(v *VmaEntry) uint64 {
	if v.Status&VmaFileShared != 0 {
		if f := s.Files[uint32(v.Shmid)]; f.Type == FdTypes_MEMFD {
			return uint64(s.Memfds[uint64(f.Memfd.InodeId)].Shmid)
		}
	}
	if v.Status&(VmaAnonShared|VmaSysvIPC) != 0 {
		return v.Shmid
	}
	return 0
}

func protText(v *VmaEntry) string {
	b := []byte("---p")
	for i, bit := range [3]uint32{unix.PROT_READ, unix.PROT_WRITE, unix.PROT_EXEC} {
		if v.Prot&bit != 0 {
			b[i] = "rwx"[i]
		}
	}
	if v.Flags&unix.MAP_SHARED != 0 {
		b[3] = 's'
	}
	return string(b)
}

// mapFlags are those of mmap(2) that a person may wonder about. The numbers are those of the image's processor, not of this
// one: x86's, which most others share (include/uapi/asm-generic/mman.h).
var mapFlags = []flagName{{0x100, "growsdown"}, {0x2000, "locked"}, {0x4000, "noreserve"}, {0x40000, "hugetlb"}}

// advices are those of madvise(2) that last, as bits of VmaEntry.Madv.
var advices = []flagName{
	{1 << unix.MADV_RANDOM, "random"}, {1 << unix.MADV_SEQUENTIAL, "sequential"}, {1 << unix.MADV_DONTFORK, "dontfork"},
	{1 << unix.MADV_MERGEABLE, "mergeable"}, {1 << unix.MADV_HUGEPAGE, "hugepage"},
	{1 << unix.MADV_NOHUGEPAGE, "nohugepage"}, {1 << unix.MADV_DONTDUMP, "dontdump"},
	{1 << unix.MADV_WIPEONFORK, "wipeonfork"},
}

type flagName struct {
	bit  uint64
	name string
}

func flagNames(names []flagName, v uint64) []string {
	var all []string
	for _, f := range names {
		if v&f.bit != 0 {
			all = append(all, f.name)
		}
	}
	return all
}

func areaFlags(v *VmaEntry) []string {
	all := flagNames(mapFlags, uint64(v.Flags))
	if v.Madv != nil {
		all = append(all, flagNames(advices, *v.Madv)...)
	}
	return all
}

func (s *Set) areaWhat(v *VmaEntry) string {
	for _, special := range []struct {
		bit  uint32
		name string
	}{
		{VmaVsyscall, "[vsyscall]"}, {VmaVdso, "[vdso]"}, {VmaVvar, "[vvar]"}, {VmaGuard, "[guard]"}, {VmaAioRing, "[aio]"},
		{VmaUprobes, "[uprobes]"}, {VmaShstk, "[shadow stack]"}, {VmaHeap, "[heap]"}, {VmaStack, "[stack]"},
	} {
		if v.Status&special.bit != 0 {
			return special.name
		}
	}
	switch {
	case v.Status&(VmaFilePrivate|VmaFileShared) != 0:
		return s.fileWhat(s.Files[uint32(v.Shmid)])
	case v.Status&VmaSysvIPC != 0:
		return fmt.Sprintf("sysv:[%d]", v.Shmid)
	case v.Status&VmaAnonShared != 0:
		return fmt.Sprintf("shmem:[%d]", v.Shmid)
	case v.Status&VmaSocket != 0:
		return fmt.Sprintf("socket:[%d]", v.Shmid)
	}
	return ""
}
