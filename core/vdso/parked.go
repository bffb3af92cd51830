package vdso

import (
	"cmp"
	"fmt"
	"slices"
)

// Found is a mark and the area at whose start it stands.
type Found struct {
	Area Area
	Mark Mark
}

// Proxy is what a task's areas say of an earlier restore.
type Proxy struct {
	Group  Group  // the image vDSO: the kernel's own group, or the areas that a mark points to
	Parked Group  // the rt-vDSO and its data areas, to be left out of the image; nil: the task is no proxy
	Data   []Area // data areas of the kernel that belong to no code: kept as they are
	Notes  []string
}

// Unpark sorts out the areas of a task in which marks were found. A mark that is wrong is noted and counts for nothing: then
// nothing is left out on its word. Two good marks are an error, since one task has one vDSO.
func Unpark(areas []Area, found []Found) (*Proxy, error) {
	own, err := FindGroup(areas)
	if err != nil {
		return nil, err
	}
	p := &Proxy{}
	var mark *Found
	for i := range found {
		f := &found[i]
		if why := f.wrong(areas); why != "" {
			p.Notes = append(p.Notes, fmt.Sprintf("vdso mark at %x: %s", f.Area.Start, why))
			continue
		}
		if mark != nil {
			return nil, fmt.Errorf("vdso: marks at %x and at %x", mark.Area.Start, f.Area.Start)
		}
		mark = f
	}
	if mark == nil {
		p.Group = own
		return p, nil
	}
	vdso, _ := startsAt(areas, mark.Mark.VDSO)
	p.Group = Group{vdso}
	vvar, ok := dataAt(areas, mark.Mark.VVar, vdso)
	switch {
	case mark.Mark.VVar == None:
	case ok && vvar.plain():
		p.Group = append(p.Group, vvar)
	default:
		p.Notes = append(p.Notes, fmt.Sprintf("vdso mark at %x: no data area at %x", mark.Area.Start, mark.Mark.VVar))
	}
	slices.SortFunc(p.Group, func(a, b Area) int { return cmp.Compare(a.Start, b.Start) })
	p.Parked, p.Data = parked(areas, mark, p.Group)
	for i := range p.Group { // what they are, though the kernel does not know it
		if p.Group[i].Start == vdso.Start {
			p.Group[i].Name = CodeName
		} else if p.Group[i].Name == "" {
			p.Group[i].Name = dataName
		}
	}
	if at := mark.Mark.RTVVar; at != None && !slices.ContainsFunc(p.Parked, func(a Area) bool { return a.Start == at }) {
		p.Notes = append(p.Notes, fmt.Sprintf("vdso mark at %x: no data area at %x", mark.Area.Start, at))
	}
	return p, nil
}

// wrong says why the mark cannot be one.
func (f *Found) wrong(areas []Area) string {
	a, ok := startsAt(areas, f.Mark.VDSO)
	switch {
	case !ok:
		return fmt.Sprintf("nothing begins at %x", f.Mark.VDSO)
	case a.Start == f.Area.Start:
		return "points to itself"
	case a.Name != "" || a.Prot&Exec == 0 && f.Area.Name != CodeName: // its own a task may have closed (mprotect)
		return fmt.Sprintf("%v is no image vdso", a)
	}
	return ""
}

// plain says that the area can be the image's [vvar], which is plain memory in a proxy.
func (a Area) plain() bool { return (a.Name == "" || a.data()) && a.Prot&(Write|Exec) == 0 }

func startsAt(areas []Area, at uint64) (Area, bool) {
	i := slices.IndexFunc(areas, func(a Area) bool { return a.Start == at && a.Size() > 0 })
	if i < 0 {
		return Area{}, false
	}
	return areas[i], true
}

// mostData bounds what can be data areas that became one, bytes. There are three pages of them today.
const mostData = 1 << 20

// dataAt finds the image's data area. CRIU's mark names the last one of several; as plain memory they are one by now, beside the code.
func dataAt(areas []Area, at uint64, code Area) (Area, bool) {
	if a, ok := startsAt(areas, at); ok {
		return a, ok
	}
	for _, a := range areas {
		if a.Start < at && at < a.End && (a.End == code.Start || a.Start == code.End) && a.Size() <= mostData {
			return a, true
		}
	}
	return Area{}, false
}

// parked collects the areas of the rt-vDSO: the marked one, the data area the mark names, and the kernel's data areas that touch
// these. The mark has room for one data area, but since 6.13 there are two. What the image vDSO needs is not among them.
func parked(areas []Area, mark *Found, keep Group) (in Group, out []Area) {
	in = Group{mark.Area}
	var data []Area
	for _, a := range areas {
		if a.data() && !slices.Contains(keep, a) {
			data = append(data, a)
		}
	}
	for again := true; again; {
		again = false
		data = slices.DeleteFunc(data, func(a Area) bool {
			if a.Start != mark.Mark.RTVVar && !slices.ContainsFunc(in, func(b Area) bool { return a.End == b.Start || b.End == a.Start }) {
				return false
			}
			in, again = append(in, a), true
			return true
		})
	}
	slices.SortFunc(in, func(a, b Area) int { return cmp.Compare(a.Start, b.Start) })
	return in, data
}
