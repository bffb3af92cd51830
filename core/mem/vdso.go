package mem

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/vdso"
)

// HasDroppable says whether the image has areas that the kernel may drop (MAP_DROPPABLE, since Linux 6.11).
func HasDroppable(vmas []*image.VmaEntry) bool {
	return slices.ContainsFunc(vmas, func(v *image.VmaEntry) bool { return v.Flags&unix.MAP_TYPE == mapDroppable })
}

// WithoutDroppable makes such areas ordinary ones with the advice that the kernel has them come with (mm/mmap.c, do_mmap), for a kernel that
// does not know them. They are empty all the same.
func (s *Space) WithoutDroppable() {
	for i := range s.areas {
		a := &s.areas[i]
		if a.Flags&unix.MAP_TYPE != mapDroppable {
			continue
		}
		e := *a.VmaEntry
		e.Flags = e.Flags&^unix.MAP_TYPE | unix.MAP_PRIVATE | unix.MAP_NORESERVE
		advice := uint64(1<<unix.MADV_WIPEONFORK | 1<<unix.MADV_DONTDUMP)
		if e.Madv != nil {
			advice |= *e.Madv
		}
		e.Madv = &advice
		a.VmaEntry = &e
	}
}

// VDSOGroup is the vDSO of an image's task. The image has no names: data areas are all called [vvar].
func VDSOGroup(vmas []*image.VmaEntry) vdso.Group {
	var g vdso.Group
	for _, v := range vmas {
		switch a := (vdso.Area{Start: v.Start, End: v.End, Prot: vdso.Prot(v.Prot)}); {
		case v.Status&image.VmaVdso != 0:
			a.Name = vdso.CodeName
			g = append(g, a)
		case v.Status&image.VmaVvar != 0:
			a.Name = "[vvar]"
			g = append(g, a)
		}
	}
	return g
}

// written is the shmid of a vDSO that its task has written to; CRIU has no use for that field of such areas, and neither for this.
const written = 1

// VDSOWritten says that the code in the image is not, or not only, the kernel's.
func VDSOWritten(vmas []*image.VmaEntry) bool {
	return slices.ContainsFunc(vmas, func(v *image.VmaEntry) bool { return v.Status&image.VmaVdso != 0 && v.Shmid == written })
}

// sigpage is the shmid of an area that is the kernel's [sigpage]. To CRIU it is ordinary memory.
const sigpage = 2

func isSigpage(v *image.VmaEntry) bool {
	return v.Status&(image.VmaAnonPrivate|kernelMade) == image.VmaAnonPrivate && v.Shmid == sigpage
}

// Sigpage is where the image's task has its [sigpage]; false where it has none.
func Sigpage(vmas []*image.VmaEntry) (vdso.Area, bool) {
	i := slices.IndexFunc(vmas, isSigpage)
	if i < 0 {
		return vdso.Area{}, false
	}
	v := vmas[i]
	return vdso.Area{Start: v.Start, End: v.End, Prot: vdso.Prot(v.Prot), Name: vdso.SigpageName}, true
}

// WithVDSO is the areas of an image with the vDSO's as place has them: those of the kernel where they will lie, and what of the image's they
// do not take the place of as plain memory.
func WithVDSO(vmas []*image.VmaEntry, place *vdso.Place) []*image.VmaEntry {
	all := make([]*image.VmaEntry, 0, len(vmas)+len(place.RT))
	for _, v := range vmas {
		if v.Status&(image.VmaVdso|image.VmaVvar) != 0 || isSigpage(v) {
			if slices.ContainsFunc(place.RT, func(a vdso.Area) bool { return v.Start <= a.Start && a.End <= v.End }) {
				continue
			}
			plain := *v
			plain.Status = image.VmaRegular | image.VmaAnonPrivate
			plain.Shmid = 0
			v = &plain
		}
		all = append(all, v)
	}
	for _, a := range place.RT {
		e := &image.VmaEntry{Start: a.Start, End: a.End, Prot: uint32(a.Prot), Status: image.VmaRegular | image.VmaAnonPrivate | image.VmaVvar,
			Flags: unix.MAP_PRIVATE | unix.MAP_ANON, Fd: -1}
		if a.Name == vdso.CodeName { // [sigpage] goes with the data: nobody asks which it is
			e.Status ^= image.VmaVvar | image.VmaVdso
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b *image.VmaEntry) int { return cmp.Compare(a.Start, b.Start) })
	return all
}
