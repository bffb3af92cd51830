package mem

import (
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// Space is the address space of a task to be made: areas, what comes into them from the image, and, for a task that starts out
// as a copy of its maker, what of the copy stays.
type Space struct {
	areas   []area
	content io.ReaderAt // the pages file of the runs
	alone   bool        // no other thread can read it
	page    uint64
	guards  []Run
	maker   *Space // nil where nothing of the maker's address space stays
}

// area is an area of a space. What is said of it holds from Map to Seal.
type area struct {
	*image.VmaEntry
	prot   uint32  // the protection for that time
	stored []piece // its pages in the image
	fill   []piece // those that have to be read
	kept   bool    // it is the maker's: not mapped anew
	cloned uint32  // the protection that a kept one comes with
	has    uint64  // its size by then
	drop   []Run   // pages that the maker has here and this task has not
}

// piece is a run of pages at off in the pages file.
type piece struct {
	Run
	off int64
}

// kernelMade are areas that the kernel makes, not mmap.
const kernelMade = image.VmaVdso | image.VmaVvar | image.VmaVsyscall

// NewSpace takes the areas and pages of an image's task. content is the pages file, nil where pages has none in it; alone says that no other
// thread than the caller's can read it.
func NewSpace(vmas []*image.VmaEntry, pages *image.PageRuns, content io.ReaderAt, alone bool) (*Space, error) {
	s := &Space{content: content, alone: alone, page: uint64(unix.Getpagesize())}
	runs := pages.Runs
	for _, v := range vmas {
		if v.Status&image.VmaGuard != 0 {
			s.guards = append(s.guards, Run{v.Start, v.End})
			continue
		}
		a := area{VmaEntry: v, prot: v.Prot}
		for len(runs) > 0 && runs[0].End <= v.Start {
			runs = runs[1:]
		}
		for i := 0; i < len(runs) && runs[i].Addr < v.End; i++ {
			r := runs[i]
			if r.Flags&image.PagePresent == 0 {
				return nil, fmt.Errorf("pages at %#x: not in this image", r.Addr)
			}
			start := max(r.Addr, v.Start)
			a.stored = append(a.stored, piece{Run{start, min(r.End, v.End)}, r.Off + int64(start-r.Addr)})
		}
		if v.Status&kernelMade == 0 && !a.forgets() {
			if a.fill = a.stored; len(a.fill) > 0 {
				a.prot = filling(a.prot)
			}
		}
		s.areas = append(s.areas, a)
	}
	return s, nil
}

// filling is the protection of an area while its content comes in. It cannot be executed by then: kernels of processors that fetch
// instructions from elsewhere than data clean a page when it becomes executable (arch/arm64/mm/flush.c and arch/arm/mm/flush.c,
// __sync_icache_dcache; arch/powerpc/mm/pgtable.c, set_pte_filter), and what is written afterwards is the program's own care.
func filling(prot uint32) uint32 { return prot&^unix.PROT_EXEC | unix.PROT_WRITE }

// forgets says that what was in the area does not come back: MAP_DROPPABLE is where the vDSO's random number generator keeps its state,
// and two restores of one image must not give out the same numbers. MADV_WIPEONFORK is a promise for forks only.
func (a *area) forgets() bool { return a.Flags&unix.MAP_TYPE == mapDroppable }

// Fds are the descriptors in the task by which a restore's program reaches files.
type Fds interface {
	// Mapped is a descriptor of the file that an area maps.
	Mapped(v *image.VmaEntry) (int, error)
}

// Map appends the making of areas to p: mappings with their final protection, or writable ones where content has to come in. Whatever was
// there before goes, but for the stub's area.
func (s *Space) Map(p *stub.Program, files Fds, stubArea Run, taskSize uint64) error {
	for _, r := range s.gaps(stubArea, taskSize) {
		p.Call(arch.SysMunmap, r.Start, r.End-r.Start)
	}
	for i := range s.areas {
		a := &s.areas[i]
		size := a.End - a.Start
		switch {
		case a.Status&kernelMade != 0:
			continue
		case a.kept:
			if a.has < size {
				p.Call(arch.SysMremap, a.Start, a.has, size, 0).Expect(int64(a.Start))
			}
			for _, r := range a.drop {
				p.Call(arch.SysMadvise, r.Start, r.End-r.Start, unix.MADV_DONTNEED)
			}
			if a.prot != a.cloned {
				p.Call(arch.SysMprotect, a.Start, size, a.prot)
			}
			continue
		}
		if i == 0 || !a.continues(&s.areas[i-1]) {
			if err := a.mmap(p, files, s.runEnd(i)); err != nil {
				return fmt.Errorf("vma %x-%x: %w", a.Start, a.End, err)
			}
		}
		if a.advised(unix.MADV_HUGEPAGE) && len(a.fill) > 0 { // now, for huge pages to be read into
			p.Call(arch.SysMadvise, a.Start, size, unix.MADV_HUGEPAGE)
		}
	}
	return nil
}

// continues says that one call can make both a and the area before it: the kernel makes one of them anyway, until they differ by what Seal says.
func (a *area) continues(before *area) bool {
	const plain = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE | unix.MAP_LOCKED
	anon := func(a *area) bool {
		return !a.kept && a.Status&(kernelMade|image.VmaFilePrivate|image.VmaFileShared|image.VmaAnonShared) == 0 && a.Flags&^plain == 0
	}
	return anon(before) && anon(a) && before.End == a.Start && before.prot == a.prot && (before.Flags^a.Flags)&^unix.MAP_LOCKED == 0
}

// runEnd is the end of the areas that one call makes with area i.
func (s *Space) runEnd(i int) uint64 {
	for i+1 < len(s.areas) && s.areas[i+1].continues(&s.areas[i]) {
		i++
	}
	return s.areas[i].End
}

func (a *area) mmap(p *stub.Program, files Fds, end uint64) error {
	fd, off, flags := -1, uint64(0), a.Flags&^unix.MAP_LOCKED|unix.MAP_FIXED
	if a.Status&(image.VmaFilePrivate|image.VmaFileShared|image.VmaAnonShared) != 0 {
		var err error
		if fd, err = files.Mapped(a.VmaEntry); err != nil {
			return err
		}
		off = a.Pgoff
		flags &^= unix.MAP_ANONYMOUS
	}
	p.Call(arch.SysMmap, a.Start, end-a.Start, a.prot, flags, fd, off/p.ABI().MmapUnit).Expect(int64(a.Start))
	return nil
}

func (a *area) advised(advice int) bool { return a.Madv != nil && *a.Madv>>advice&1 != 0 }

// gaps are what has to be unmapped before areas are made: all but the stub's area and what stays.
func (s *Space) gaps(stubArea Run, taskSize uint64) []Run {
	var gaps []Run
	at := uint64(0)
	until := func(start, next uint64) {
		if at < start && s.makerHas(at, start) {
			gaps = append(gaps, Run{at, start})
		}
		at = max(at, next)
	}
	for i := range s.areas {
		if a := &s.areas[i]; a.kept {
			if at <= stubArea.Start && stubArea.Start < a.Start {
				until(stubArea.Start, stubArea.End)
			}
			until(a.Start, a.Start+a.has)
		}
	}
	if at <= stubArea.Start {
		until(stubArea.Start, stubArea.End)
	}
	until(taskSize, taskSize)
	return gaps
}

// makerHas says whether anything can be mapped between start and end when the task starts.
func (s *Space) makerHas(start, end uint64) bool {
	if s.maker == nil {
		return true
	}
	for i := range s.maker.areas {
		if a := &s.maker.areas[i]; a.Start < end && start < a.End {
			return true
		}
	}
	return false
}

// madvGuardInstall is MADV_GUARD_INSTALL, since Linux 6.13; not for locked areas.
const madvGuardInstall = 102

// Seal appends what areas get once their content is there: protection, advice, locks, guard pages. Guards leave a mark on their area,
// which by then is no longer one with its neighbours.
func (s *Space) Seal(p *stub.Program) {
	for i := range s.areas {
		a := &s.areas[i]
		if a.Status&kernelMade != 0 {
			continue
		}
		size := a.End - a.Start
		if a.prot != a.Prot {
			p.Call(arch.SysMprotect, a.Start, size, a.Prot)
		}
		if a.Madv != nil {
			for advice := range 64 {
				if a.advised(advice) {
					p.Call(arch.SysMadvise, a.Start, size, advice)
				}
			}
		}
		if !s.guarded(a) {
			a.lock(p)
		}
	}
	for _, g := range s.guards {
		p.Call(arch.SysMadvise, g.Start, g.End-g.Start, madvGuardInstall)
	}
	for i := range s.areas {
		if a := &s.areas[i]; s.guarded(a) {
			a.lock(p)
		}
	}
}

func (s *Space) guarded(a *area) bool {
	return slices.ContainsFunc(s.guards, func(g Run) bool { return g.Start < a.End && a.Start < g.End })
}

// lock locks an area. The image does not tell MLOCK_ONFAULT; but any other lock of an area for writing brings all its pages in. Where they cannot
// come in, as without access or behind the end of a file, mlock locks the area and answers ENOMEM all the same (mm/mlock.c, do_mlock): so
// the call that may fail comes second.
func (a *area) lock(p *stub.Program) {
	if a.Flags&unix.MAP_LOCKED == 0 {
		return
	}
	size := a.End - a.Start
	var stored uint64
	for _, s := range a.stored {
		stored += s.End - s.Start
	}
	const mlockOnFault = 1
	p.Call(arch.SysMlock2, a.Start, size, mlockOnFault)
	if a.Status&image.VmaAnonPrivate == 0 || a.Prot&unix.PROT_WRITE == 0 || stored >= size {
		p.Call(arch.SysMlock, a.Start, size).Ignore()
	}
}
