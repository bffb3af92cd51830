package vdso

import (
	"bytes"
	"fmt"
	"slices"
)

// Match says whether rt, mapped as rtGroup, can take the place of img, mapped as group: nil, or why not. Bytes are not compared:
// the kernel patches its code for the processor. The build ID alone is not enough, since native arm hides symbols when there is
// no usable counter (arch/arm/kernel/vdso.c, patch_vdso).
func Match(img, rt *Image, group, rtGroup Group) error {
	switch {
	case img.Machine != rt.Machine || img.Class != rt.Class || img.Order != rt.Order:
		return fmt.Errorf("vdso: %v %v here, %v %v in the image", rt.Machine, rt.Class, img.Machine, img.Class)
	case len(img.BuildID) == 0 || !bytes.Equal(img.BuildID, rt.BuildID):
		return fmt.Errorf("vdso: build id %x here, %x in the image", rt.BuildID, img.BuildID)
	case img.End != rt.End:
		return fmt.Errorf("vdso: %#x bytes here, %#x in the image", rt.End, img.End)
	}
	here, there := sorted(rt.Symbols), sorted(img.Symbols)
	for i := range min(len(here), len(there)) {
		if here[i] != there[i] {
			return fmt.Errorf("vdso: symbol %s=%#x/%d here, %s=%#x/%d in the image",
				here[i].Name, here[i].Value, here[i].Size, there[i].Name, there[i].Value, there[i].Size)
		}
	}
	if len(here) != len(there) {
		return fmt.Errorf("vdso: %d symbols here, %d in the image", len(here), len(there))
	}
	_, err := Fit(group, rtGroup)
	return err
}

func sorted(s []Symbol) []Symbol {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b Symbol) int {
		if a.Name != b.Name {
			if a.Name < b.Name {
				return -1
			}
			return 1
		}
		return compare(a.Value, b.Value)
	})
	return s
}

// Fit says whether rt, moved as a whole, covers group area by area. The areas of rt that the task had unmapped are left over:
// they are returned, at the addresses where they come to lie.
func Fit(group, rt Group) (over Group, err error) {
	if len(group) == 0 {
		return rt, nil
	}
	first := slices.IndexFunc(rt, func(a Area) bool { return a.Name == group[0].Name })
	if first < 0 {
		return nil, fmt.Errorf("vdso: no %s here", group[0].Name)
	}
	shift := group[0].Start - rt[first].Start
	left := slices.Clone(group)
	for _, a := range rt {
		a.Start, a.End = a.Start+shift, a.End+shift
		i := slices.IndexFunc(left, func(b Area) bool { return b.Start == a.Start && b.End == a.End && b.Name == a.Name })
		if i < 0 {
			over = append(over, a)
		} else {
			left = slices.Delete(left, i, i+1)
		}
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("vdso: areas lie or measure otherwise here: %v in the image", left[0])
	}
	return over, nil
}
