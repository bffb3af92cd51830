// Package mem dumps and restores address spaces: areas, their contents and the fields of the mm. Its dump and restore
// sides stand side by side. It knows no ptrace beyond the stub programs that core/task runs.
package mem

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
	"woodfrog/core/vdso"
)

// FileIDs gives the image's id of the file that an area maps.
type FileIDs interface {
	// Mapped returns the id of the file behind area m of t, opened with flags (O_RDONLY or O_RDWR).
	Mapped(t *task.Task, m *procfs.Smap, flags uint32) (uint32, error)
}

// Vma is an area of a task with its entry in the image.
type Vma struct {
	*procfs.Smap
	Entry *image.VmaEntry
}

// Dumped says whether pages of the area are stored with the task.
func (v *Vma) Dumped() bool {
	return v.Entry.Status&(image.VmaFilePrivate|image.VmaAnonPrivate) != 0 && v.Entry.Status&(image.VmaVvar|image.VmaVsyscall) == 0 && !v.Flags.Has(procfs.VmDroppable)
}

// Areas classifies the areas of t.
func Areas(t *task.Task, files FileIDs) ([]Vma, error) {
	vmas := make([]Vma, 0, len(t.Areas))
	for i := range t.Areas {
		m := &t.Areas[i]
		if t.Parked(m) {
			continue
		}
		e, err := entry(t, m, files)
		if err != nil {
			return nil, fmt.Errorf("task %d: vma %x-%x: %w", t.Pid, m.Start, m.End, err)
		}
		vmas = append(vmas, Vma{m, e})
	}
	return vmas, nil
}

func entry(t *task.Task, m *procfs.Smap, files FileIDs) (*image.VmaEntry, error) {
	e := &image.VmaEntry{Start: m.Start, End: m.End, Pgoff: m.Offset, Prot: m.Prot, Status: image.VmaRegular, Fd: -1}
	e.Flags = unix.MAP_PRIVATE
	if m.Shared {
		e.Flags = unix.MAP_SHARED
	}
	if m.Flags.Has(procfs.VmGrowsDown) {
		e.Flags |= unix.MAP_GROWSDOWN
	}
	if m.Flags.Has(procfs.VmLocked) {
		e.Flags |= unix.MAP_LOCKED
	}
	if m.Flags.Has(procfs.VmNoReserve) {
		e.Flags |= unix.MAP_NORESERVE
	}
	if madv := advice(m.Flags); madv != 0 {
		e.Madv = &madv
	}
	if kernels(t, m, e) {
		return e, nil
	}
	if err := refused(m); err != nil {
		return nil, err
	}
	for _, p := range t.ABI.Protections {
		if m.Flags.Has(procfs.VmFlagsOf(p.Code)) {
			e.Prot |= p.Bits
		}
	}
	if m.Inode != 0 || m.Shared {
		return e, file(t, m, e, files)
	}
	if m.Path == "[heap]" {
		e.Status |= image.VmaHeap
	}
	if m.Flags.Has(procfs.VmGrowsDown) {
		e.Status |= image.VmaStack
	}
	if m.Flags.Has(procfs.VmDroppable) {
		e.Flags = e.Flags&^(unix.MAP_PRIVATE|unix.MAP_SHARED) | mapDroppable
	}
	e.Status |= image.VmaAnonPrivate
	e.Flags |= unix.MAP_ANONYMOUS
	e.Pgoff = 0
	return e, nil
}

// kernels says whether an area is the kernel's own, and completes the entry of one that is.
func kernels(t *task.Task, m *procfs.Smap, e *image.VmaEntry) bool {
	code, data := t.VDSOArea(m)
	switch {
	case m.Path == "[vsyscall]", m.Path == "[vectors]": // of x86-64 and of arm, in every task
		e.Status = image.VmaVsyscall | image.VmaAnonPrivate
		e.Flags |= unix.MAP_ANONYMOUS
		return true
	case code:
		e.Status |= image.VmaVdso
		if t.VDSOWritten {
			e.Shmid = written
		}
	case data:
		e.Status |= image.VmaVvar
	case m.Path == vdso.SigpageName:
		e.Shmid = sigpage
	default:
		return false
	}
	e.Status |= image.VmaAnonPrivate
	e.Flags |= unix.MAP_ANONYMOUS
	e.Pgoff = 0
	return true
}

// mapDroppable is MAP_DROPPABLE, since Linux 6.11 (include/uapi/linux/mman.h).
const mapDroppable = 0x08

func file(t *task.Task, m *procfs.Smap, e *image.VmaEntry, files FileIDs) error {
	flags := uint32(unix.O_RDONLY)
	e.Status |= image.VmaFilePrivate
	if m.Shared {
		e.Status ^= image.VmaFilePrivate | image.VmaFileShared
		if m.Flags.Has(procfs.VmMayWrite) {
			flags = unix.O_RDWR
		}
	}
	if m.Deleted && isShmem(m.Raw) {
		e.Status |= image.VmaMemfd
	}
	id, err := files.Mapped(t, m, flags)
	if err != nil {
		return err
	}
	e.Shmid = uint64(id)
	e.Fdflags = &flags
	return nil
}

// advised are the flags that madvise(2) sets, by the advice that sets them.
var advised = []struct {
	flag   procfs.VmFlags
	advice int
}{
	{procfs.VmSeqRead, unix.MADV_SEQUENTIAL},
	{procfs.VmRandRead, unix.MADV_RANDOM},
	{procfs.VmDontCopy, unix.MADV_DONTFORK},
	{procfs.VmMergeable, unix.MADV_MERGEABLE},
	{procfs.VmHugepage, unix.MADV_HUGEPAGE},
	{procfs.VmNoHugepage, unix.MADV_NOHUGEPAGE},
	{procfs.VmDontDump, unix.MADV_DONTDUMP},
	{procfs.VmWipeOnFork, unix.MADV_WIPEONFORK},
}

func advice(flags procfs.VmFlags) uint64 {
	var madv uint64
	for _, a := range advised {
		if flags.Has(a.flag) {
			madv |= 1 << a.advice
		}
	}
	return madv
}
