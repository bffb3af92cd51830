// Package vdso knows the kernel's vDSO as data: the areas it is mapped in, its symbol table, whether the one of an image and the
// one of the running kernel match, the marks that tell a parked vDSO, and what becomes of each function when they do not match.
// Pure functions over bytes and areas: it makes no system calls and imports nothing of the engine but arch.
//
// Words: the image vDSO is the one a task had when it was dumped, the rt-vDSO (runtime) that of the kernel which restores it. When
// they match the rt-vDSO takes the image's place. Else the image vDSO is kept as plain memory whose functions jump to the
// rt-vDSO, which is parked elsewhere in the task and bears a mark.
package vdso

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// CodeName is the name of the area that holds the code, in /proc/PID/maps.
const CodeName = "[vdso]"

// dataName is the name of the first data area; others begin like it.
const dataName = "[vvar]"

// Prot is the protection of an area: PROT_* bits.
type Prot uint8

const (
	Read  Prot = 1 // PROT_READ
	Write Prot = 2 // PROT_WRITE
	Exec  Prot = 4 // PROT_EXEC
)

// Area is a line of /proc/PID/maps.
type Area struct {
	Start, End uint64
	Prot       Prot
	Name       string
}

func (a Area) String() string { return fmt.Sprintf("%x-%x %s", a.Start, a.End, a.Name) }

// Size is the area's length in bytes.
func (a Area) Size() uint64 { return a.End - a.Start }

// data says whether the area is one of the vDSO's data areas. Before 6.13 there is at most [vvar]; then came [vvar_vclock]
// (arch/x86/entry/vdso/vma.c), and there may be more.
func (a Area) data() bool {
	return strings.HasPrefix(a.Name, "[vvar") && strings.HasSuffix(a.Name, "]")
}

// Group is the code area of a vDSO and its data areas, in the order of their addresses. Either may be missing: valgrind unmaps
// the code, ppc64 had no data area before 5.11, a task may have unmapped all.
type Group []Area

// FindGroup returns the areas that the kernel names as its vDSO. A task has at most one: more are an error.
func FindGroup(areas []Area) (Group, error) {
	var g Group
	code := 0
	for _, a := range areas {
		if a.Name == CodeName {
			code++
		}
		if a.Name == CodeName || a.data() {
			g = append(g, a)
		}
	}
	if code > 1 {
		return nil, fmt.Errorf("vdso: %d areas named %s", code, CodeName)
	}
	slices.SortFunc(g, func(a, b Area) int { return cmp.Compare(a.Start, b.Start) })
	return g, nil
}

// Code returns the area that holds the code.
func (g Group) Code() (Area, bool) {
	i := slices.IndexFunc(g, func(a Area) bool { return a.Name == CodeName })
	if i < 0 {
		return Area{}, false
	}
	return g[i], true
}

// Named are the areas of that name.
func (g Group) Named(name string) Group {
	return slices.DeleteFunc(slices.Clone(g), func(a Area) bool { return a.Name != name })
}

// Span returns where the group begins, which is the address that ARCH_MAP_VDSO_* takes, and where it ends; 0, 0 if it is empty.
func (g Group) Span() (start, end uint64) {
	if len(g) == 0 {
		return 0, 0
	}
	return g[0].Start, g[len(g)-1].End
}
