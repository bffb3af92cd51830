package mem

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/vdso"
)

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

// WithVDSO is the areas of an image with the vDSO's as place has them: those of the kernel where they will lie, and what of the image's they
// do not take the place of as plain memory.
func WithVDSO(vmas []*image.VmaEntry, place *vdso.Place) []*image.VmaEntry {
	all := make([]*image.VmaEntry, 0, len(vmas)+len(place.RT))
	for _, v := range vmas {
		if v.Status&(image.VmaVdso|image.VmaVvar) != 0 {
			if slices.ContainsFunc(place.RT, func(a vdso.Area) bool { return v.Start <= a.Start && a.End <= v.End }) {
				continue
			}
			plain := *v
			plain.Status = image.VmaRegular | image.VmaAnonPrivate
			v = &plain
		}
		all = append(all, v)
	}
	for _, a := range place.RT {
		e := &image.VmaEntry{Start: a.Start, End: a.End, Prot: uint32(a.Prot), Status: image.VmaRegular | image.VmaAnonPrivate | image.VmaVvar,
			Flags: unix.MAP_PRIVATE | unix.MAP_ANON, Fd: -1}
		if a.Name == vdso.CodeName {
			e.Status ^= image.VmaVvar | image.VmaVdso
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b *image.VmaEntry) int { return cmp.Compare(a.Start, b.Start) })
	return all
}
