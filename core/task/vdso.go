package task

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// VDSOKernel is what the search for the vDSO of tasks needs of the kernel.
type VDSOKernel struct {
	Named bool // names in /proc/PID/maps can be believed
	Own   *kerndat.VDSO
	Frame uint64 // frame number of the first page of code, 0 if it cannot be seen
	Note  func(t *Task, text string)

	facts *kerndat.Facts
}

// NewVDSOKernel asks the kernel. Without names, areas are told by the frame of their first page, and where frame numbers are hidden
// by what is in them.
func NewVDSOKernel(k *kerndat.Facts, abi *arch.ABI, unnamed, hidden bool, note func(*Task, string)) (*VDSOKernel, error) {
	hint, _ := k.Ask(kerndat.VDSOHint)
	v := &VDSOKernel{Named: hint == kerndat.Yes && !unnamed, Note: note, facts: k}
	if v.Named {
		return v, nil
	}
	var err error
	if v.Own, err = k.VDSO(abi); err != nil {
		return nil, err
	}
	if code, ok := v.Own.Group.Code(); ok && !hidden && !abi.Compat { // of another ABI the engine has none itself
		maps, err := procfs.Self(linux.Pid()).Maps()
		if err != nil {
			return nil, err
		}
		group, err := kerndat.Group(maps) // the cache's addresses are another process's
		if err != nil {
			return nil, err
		}
		if code, ok = group.Code(); ok {
			v.Frame = frame(linux.Pid(), code.Start)
		}
	}
	return v, nil
}

// pageEntries are the page map's entries of an area; none where it cannot be read.
func pageEntries(pid int, start, end uint64) []procfs.PageEntry {
	fd, err := unix.Open(fmt.Sprintf("%s/%d/pagemap", procfs.Root, pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	page := uint64(os.Getpagesize())
	b := make([]byte, (end-start)/page*procfs.PageEntrySize)
	n, err := unix.Pread(fd, b, int64(start/page*procfs.PageEntrySize))
	if err != nil {
		return nil
	}
	entries := make([]procfs.PageEntry, n/procfs.PageEntrySize)
	for i := range entries {
		entries[i] = procfs.PageAt(b, i)
	}
	return entries
}

// frame is the number of the page frame at addr; 0 where it cannot be read.
func frame(pid int, addr uint64) uint64 {
	if e := pageEntries(pid, addr, addr+uint64(os.Getpagesize())); len(e) > 0 {
		return e[0].PFN()
	}
	return 0
}

// ownPages says that an area of the kernel's has pages that were written to: these alone are anonymous.
func ownPages(pid int, a vdso.Area) bool {
	return slices.ContainsFunc(pageEntries(pid, a.Start, a.End), func(e procfs.PageEntry) bool {
		return (e.Present() || e.Swapped()) && !e.FileOrShared()
	})
}

// FindVDSO sorts out which areas are the task's vDSO and which were parked in it by an earlier restore.
func (t *Task) FindVDSO(k *VDSOKernel) error {
	t.facts, t.toLeave = k.facts, nil
	areas := make([]vdso.Area, 0, 4)
	for i := range t.Areas {
		if m := &t.Areas[i]; m.Inode == 0 && !m.Shared && (plausible(m) || !k.Named && couldBe(m)) {
			areas = append(areas, area(m))
		}
	}
	found, err := t.marks(areas, k.Named)
	if err != nil {
		return err
	}
	if !k.Named {
		k.name(t, areas, found)
	}
	if len(found) > 0 {
		named := areas
		areas = areas[:0:0]
		for i := range t.Areas {
			a := area(&t.Areas[i])
			if j := slices.IndexFunc(named, func(b vdso.Area) bool { return a.Start == b.Start }); j >= 0 {
				a = named[j]
			}
			areas = append(areas, a)
		}
	}
	if t.VDSO, err = vdso.Unpark(areas, found); err != nil {
		return fmt.Errorf("task %d: %w", t.Pid, err)
	}
	if code, ok := t.VDSO.Group.Code(); ok && t.VDSO.Parked == nil {
		t.VDSOWritten = ownPages(t.Pid, code)
		if t.VDSOWritten && (t.ABI.VDSO.Returns || t.ABI.VDSO.Vsyscall != nil) {
			return fmt.Errorf("task %d: has written to its vDSO, which the kernel of %s tasks returns through: not served", t.Pid, t.ABI.Name)
		}
	}
	for _, n := range t.VDSO.Notes {
		k.Note(t, n)
	}
	return t.findSigreturns()
}

// plausible says that the name is one of the vDSO's.
func plausible(m *procfs.Smap) bool {
	return m.Path == vdso.CodeName || strings.HasPrefix(m.Path, "[vvar")
}

// couldBe says that an area without a name could be of a vDSO.
func couldBe(m *procfs.Smap) bool {
	return m.Path == "" && m.Prot&procfs.ProtWrite == 0 && m.Prot&procfs.ProtRead != 0
}

func area(m *procfs.Smap) vdso.Area {
	return vdso.Area{Start: m.Start, End: m.End, Prot: vdso.Prot(m.Prot), Name: m.Path}
}

// name tells by what they are which areas are the vDSO: names that the kernel prints may be wrong and may be missing. One that bears a
// mark needs no further proof, and what else looks like a vDSO then is the image's.
func (k *VDSOKernel) name(t *Task, areas []vdso.Area, found []vdso.Found) {
	for i := range areas {
		a := &areas[i]
		marked := slices.ContainsFunc(found, func(f vdso.Found) bool { return f.Area.Start == a.Start })
		switch {
		case marked || len(found) == 0 && k.isCode(t, *a):
			a.Name = vdso.CodeName
		case a.Name == vdso.CodeName:
			a.Name = ""
		}
	}
	nameData(areas, k.Own.Group)
}

// isCode looks at the frame of the area's first page, which all tasks share, or else at what is in it.
func (k *VDSOKernel) isCode(t *Task, a vdso.Area) bool {
	code, ok := k.Own.Group.Code()
	if !ok || a.Prot&vdso.Exec == 0 || a.Size() != code.Size() {
		return false
	}
	if k.Frame != 0 {
		return frame(t.Pid, a.Start) == k.Frame
	}
	b := make([]byte, a.Size())
	if err := t.readMemory(a.Start, b); err != nil {
		return false
	}
	img, err := vdso.Parse(b)
	alone := vdso.Group{{End: code.Size(), Name: vdso.CodeName}}
	return err == nil && vdso.Match(img, k.Own.Image, alone, alone) == nil
}

// nameData names areas that lie to the code as the kernel's data areas do.
func nameData(areas []vdso.Area, own vdso.Group) {
	rt, ok := own.Code()
	i := slices.IndexFunc(areas, func(a vdso.Area) bool { return a.Name == vdso.CodeName })
	if i < 0 || !ok {
		return
	}
	for _, d := range own.At(own[0].Start + areas[i].Start - rt.Start) {
		for j := range areas {
			if areas[j].Start == d.Start && areas[j].End == d.End && areas[j].Name == "" {
				areas[j].Name = d.Name
			}
		}
	}
}

// marks reads the start of all areas that can be a parked vDSO: those with its name, or, where none has it, all that hold code.
func (t *Task) marks(areas []vdso.Area, named bool) ([]vdso.Found, error) {
	var from []vdso.Area
	for _, a := range areas {
		if named && a.Name == vdso.CodeName {
			from = append(from, a)
		}
	}
	if len(from) == 0 {
		for i := range t.Areas {
			if m := &t.Areas[i]; m.Inode == 0 && !m.Shared && m.Prot&procfs.ProtExec != 0 && (m.Path == "" || m.Path == vdso.CodeName) {
				from = append(from, area(m))
			}
		}
	}
	size := vdso.MarkSize(t.ABI.WordSize())
	heads := make([]byte, size*len(from))
	for batch, b := from, heads; len(batch) > 0; {
		n := min(len(batch), maxIovecs)
		t.readHeads(batch[:n], b, size)
		batch, b = batch[n:], b[size*n:]
	}
	var found []vdso.Found
	for i, a := range from {
		m, err := vdso.ParseMark(heads[i*size:][:size], t.ABI.WordSize())
		if err != nil {
			return nil, fmt.Errorf("task %d: vma %x: %w", t.Pid, a.Start, err)
		}
		if m != nil {
			found = append(found, vdso.Found{Area: a, Mark: *m})
		} else if a.Name == vdso.CodeName && vdso.OfOther(heads[i*size:][:size], t.ABI.WordSize()) {
			return nil, fmt.Errorf("task %d: vma %x: the vDSO of another ABI's tasks: not served", t.Pid, a.Start)
		}
	}
	return found, nil
}

// maxIovecs is UIO_MAXIOV.
const maxIovecs = 1024

// readHeads reads the first size bytes of each area, in one call unless one of them cannot be read.
func (t *Task) readHeads(areas []vdso.Area, b []byte, size int) {
	for i := 0; i < len(areas); i++ {
		remote := make([]unix.RemoteIovec, 0, len(areas)-i)
		for _, a := range areas[i:] {
			remote = append(remote, unix.RemoteIovec{Base: uintptr(a.Start), Len: size})
		}
		n, err := unix.ProcessVMReadv(t.Pid, []unix.Iovec{iovec(b[i*size : len(areas)*size])}, remote, 0)
		if err == nil {
			i += n / size // the one that stopped it stays empty
		}
	}
}

// Parked says that the area was put there by an earlier restore: it is no part of the image.
func (t *Task) Parked(m *procfs.Smap) bool {
	return t.VDSO != nil && slices.ContainsFunc(t.VDSO.Parked, func(a vdso.Area) bool { return a.Start == m.Start })
}

// VDSOArea says whether the area is one of the task's vDSO, and whether it is its code.
func (t *Task) VDSOArea(m *procfs.Smap) (code, data bool) {
	if t.VDSO == nil {
		return false, false
	}
	if first, ok := t.VDSO.Group.Code(); ok && first.Start == m.Start {
		return true, false
	}
	in := func(a vdso.Area) bool { return a.Start == m.Start }
	return false, slices.ContainsFunc(t.VDSO.Group, in) || slices.ContainsFunc(t.VDSO.Data, in)
}
