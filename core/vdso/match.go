package vdso

import (
	"bytes"
	"cmp"
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
	return sameLayout(group, rtGroup)
}

func sorted(s []Symbol) []Symbol {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b Symbol) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return s
}

// sameLayout says whether rt, moved as a whole, covers what group does. Data areas of an image that side by side became plain memory may
// be one area now, and their names are lost: what lies between two of code is compared as a whole.
func sameLayout(group, rt Group) error {
	code, ok := group.Code()
	own, rtOK := rt.Code()
	if !ok || !rtOK {
		return fmt.Errorf("vdso: no %s", CodeName)
	}
	if code.Size() != own.Size() {
		return fmt.Errorf("vdso: code of %#x bytes here, %#x in the image", own.Size(), code.Size())
	}
	moved := rt.At(rt[0].Start + code.Start - own.Start)
	for _, a := range group {
		if !moved.covers(a) {
			return fmt.Errorf("vdso: areas lie or measure otherwise here: %v in the image", a)
		}
	}
	return nil
}

// covers says whether a begins where an area of the group of its kind does, ends where one does, and nothing is missing in between.
func (g Group) covers(a Area) bool {
	at := a.Start
	for _, b := range g {
		if b.Start == at && b.End <= a.End && (b.Name == CodeName) == (a.Name == CodeName) {
			at = b.End
		}
	}
	return at == a.End
}

// At is the group moved as a whole, to begin at start.
func (g Group) At(start uint64) Group {
	moved := slices.Clone(g)
	for i := range moved {
		moved[i].Start += start - g[0].Start
		moved[i].End += start - g[0].Start
	}
	return moved
}

// Keeps says which areas of the group, which match that of an image, the image has: a task may have unmapped some.
func (g Group) Keeps(image Group) Group {
	var kept Group
	for _, a := range g {
		if slices.ContainsFunc(image, func(b Area) bool { return b.Start <= a.Start && a.End <= b.End }) {
			kept = append(kept, a)
		}
	}
	return kept
}
