package core

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/mem"
	"woodfrog/core/stub"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// The vDSO at restore. Where the kernel can map it (arch_prctl), each task has it mapped where it belongs, whole. Where it cannot, there
// is only the one that exec gave to the root: it is moved to the lobby, a place beside the stub's area that is free in all tasks, and
// each task moves its areas from there, or from where its maker put them, to their places. What no task took is unmapped with the
// stub's area. Parts of a group go through the lobby in any case.

// vdsoFaults are the faults of the vDSO that Options.Fault knows: for a restore trampolines although all matches, no map API, no hole within
// reach of a short branch, a function that the kernel's has not, code of two kernels at one place of [sigpage]; for a dump names in /proc/PID/maps that mean nothing, a page map
// without frame numbers, a processor that is slow when threads are stopped, and threads that do not come out.
var vdsoFaults = []string{"trampolines", "no-map", "far", "gone", "sigpage", "hint", "no-pagemap", "slow", "stuck"}

// vdso says whether the fault of that name was asked for, and its values.
func (f *fault) vdso(name string) (values map[string]bool, yes bool) {
	values = map[string]bool{}
	if f != nil {
		for _, n := range f.names {
			n, value, _ := strings.Cut(n, "=")
			if n == name {
				yes, values[value] = true, true
			}
		}
	}
	return values, yes
}

// vdsoPlan is what tasks of one ABI share.
type vdsoPlan struct {
	rt     *kerndat.VDSO
	byCall bool       // by the map API
	moved  bool       // no, and some task needs it: from where exec put it
	lobby  vdso.Group // rt's areas there, [sigpage] last
}

// taskVDSO is what one task gets.
type taskVDSO struct {
	*vdso.Place
	kept bool     // it is there already: the maker's
	at   []uint64 // without the map API: where the areas of rt are when the task starts

	sigpage []byte // what has to be in [sigpage]; nil: the kernel's own
}

// lobbyAt is where the lobby is, from the root's first program on.
const lobbyAt = 1 << 19

// prepareVDSO asks what the kernel has.
func (r *restore) prepareVDSO() (err error) {
	can, err := r.facts.Ask(kerndat.MapVDSO)
	_, not := r.fault.vdso("no-map")
	not = not || can != kerndat.Yes || err != nil
	r.vdsos = map[*arch.ABI]*vdsoPlan{}
	for _, abi := range r.abis {
		v := &vdsoPlan{byCall: !not && abi.VDSO.MapCode != 0}
		if v.rt, err = r.facts.VDSO(abi); err != nil {
			return err
		}
		if len(v.rt.Group) > 0 {
			v.lobby = v.rt.Group.At(r.elfAt + lobbyAt)
		}
		v.lobby = v.withSigpage(r.elfAt + lobbyAt)
		v.moved = !v.byCall && len(v.lobby) > 0 && (v.rt.Sigpage.End != 0 || slices.ContainsFunc(r.image.tasks, func(t *loadedTask) bool {
			return t.abi == abi && t.mm != nil && len(mem.VDSOGroup(t.mm.Vmas)) > 0
		}))
		r.vdsos[abi] = v
	}
	return nil
}

// stubRun is the address space that the restore itself takes in tasks.
func (r *restore) stubRun() mem.Run {
	run := mem.Run{Start: r.area.Base, End: r.area.Base + uint64(r.area.Size())}
	for _, v := range r.vdsos {
		if v.moved {
			run.Start = min(run.Start, v.lobby[0].Start)
		}
	}
	return run
}

// placeVDSO decides for one task, and returns its areas with those of the vDSO in their places.
func (r *restore) placeVDSO(t *loadedTask, content io.ReaderAt) ([]*image.VmaEntry, error) {
	group := mem.VDSOGroup(t.mm.Vmas)
	rt := r.vdsos[t.abi].rt
	in := &vdso.Task{ABI: t.abi, Group: group, Written: mem.VDSOWritten(t.mm.Vmas), Page: uint64(unix.Getpagesize())}
	if n := len(group.Named(vdso.CodeName)); n > 1 {
		return nil, fmt.Errorf("mm-%d.img: vmas: %d with the status of a vDSO", t.pid(), n)
	}
	if code, ok := group.Code(); ok {
		var err error
		if in.Code, err = readStored(t.pages, code, content); err != nil {
			return nil, err
		}
	}
	if len(t.abi.VDSO.GoCalls) > 0 {
		in.Go = func() bool { return r.fromGo(t) }
	}
	in.Taken = append(in.Taken, vdso.Area{Start: r.elfAt, End: r.elfAt + areaSize + 1<<20}, vdso.Area{Start: r.ends[t.abi], End: t.abi.TaskSize})
	for _, v := range t.mm.Vmas {
		in.Taken = append(in.Taken, withRoom(v))
	}
	const heapRoom = 1 << 30
	in.Taken = append(in.Taken, vdso.Area{Start: t.mm.MmStartBrk, End: t.mm.MmBrk + heapRoom})
	f := vdso.Faults{}
	_, f.Trampolines = r.fault.vdso("trampolines")
	_, f.Far = r.fault.vdso("far")
	f.Gone, _ = r.fault.vdso("gone")
	place, err := vdso.Plan(in, &vdso.Runtime{Group: rt.Group, Image: rt.Image}, f)
	if err != nil {
		return nil, err
	}
	if place.Reason != nil {
		r.o.Log.Debug("vdso kept as plain memory", "pid", t.pid(), "rt", place.RT, "reason", place.Reason)
	}
	t.vdso = &taskVDSO{Place: place}
	if err := r.placeSigpage(t, in.Taken, content); err != nil {
		return nil, err
	}
	return mem.WithVDSO(t.mm.Vmas, place), nil
}

// fromGo looks into the program of t.
func (r *restore) fromGo(t *loadedTask) bool {
	fd, err := r.fds.File(t.mm.ExeFileId)
	return err == nil && vdso.FromGo(linux.FD(fd))
}

// withRoom is an area of the image with the room below that a stack may grow into.
func withRoom(v *image.VmaEntry) vdso.Area {
	const stackRoom = 16 << 20
	a := vdso.Area{Start: v.Start, End: v.End}
	if v.Flags&unix.MAP_GROWSDOWN != 0 {
		a.Start -= min(a.Start, stackRoom)
	}
	return a
}

// mostCode bounds what is taken for a vDSO, bytes. The largest, that of kernels with pages of 64 KiB, has one page.
const mostCode = 1 << 20

// readStored reads the code of an image's vDSO.
func readStored(pages *image.PageRuns, code vdso.Area, content io.ReaderAt) ([]byte, error) {
	if code.Size() > mostCode {
		return nil, fmt.Errorf("vdso at %#x: %#x bytes of code", code.Start, code.Size())
	}
	if pages.StoredIn(code.Start, code.End) < code.Size() {
		return nil, fmt.Errorf("pages of the vdso at %#x: not in the image", code.Start)
	}
	return readPart(pages, code.Start, code.End, content)
}

// inheritVDSO follows rt's areas from maker to task; at is where they are when the program of t begins.
func (r *restore) inheritVDSO(t, maker *loadedTask, at []uint64) []uint64 {
	v := t.vdso
	v.at = at
	v.kept = maker != nil && maker.vdso != nil && t.space.KeepsVdso() && v.Mark == maker.vdso.Mark && slices.Equal(v.RT, maker.vdso.RT) &&
		bytes.Equal(v.sigpage, maker.vdso.sigpage)
	if !v.kept {
		t.space.DropVdso()
	}
	lobby := r.vdsos[t.abi].lobby
	after := make([]uint64, len(lobby))
	for i, a := range lobby {
		after[i] = a.Start
		for _, b := range v.RT {
			if b.Name == a.Name {
				after[i] = b.Start
			}
		}
	}
	return after
}

// lobbyStarts is where the areas are before any task has moved them.
func (v *vdsoPlan) lobbyStarts() []uint64 {
	var at []uint64
	for _, a := range v.lobby {
		at = append(at, a.Start)
	}
	return at
}

func moveArea(p *stub.Program, from any, size, to uint64) {
	p.Call(arch.SysMremap, from, size, size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, to).Expect(int64(to))
}

// gatherVDSO brings rt's areas to the lobby before the task's old areas go.
func (r *restore) gatherVDSO(p *stub.Program, t *loadedTask) {
	share := r.vdsos[t.abi]
	if share.byCall || t.vdso.kept {
		return
	}
	for i, a := range share.lobby {
		if i < len(t.vdso.at) && t.vdso.at[i] != a.Start {
			moveArea(p, t.vdso.at[i], a.Size(), a.Start)
		}
	}
}

// planVDSO puts rt's areas where the task has them, with the protection that the image's have.
func (r *restore) planVDSO(p *stub.Program, t *loadedTask) {
	v, share := t.vdso, r.vdsos[t.abi]
	if v.kept || len(v.RT) == 0 {
		return
	}
	code, _ := share.lobby.Code()
	whole := len(v.RT) == len(share.lobby)
	if share.byCall {
		at := share.lobby[0].Start
		if whole {
			at = v.RT[0].Start
		}
		p.Call(arch.SysArchPrctl, t.abi.VDSO.MapCode, at).Expect(int64(code.Size())).Note("vdso")
	}
	if !share.byCall || !whole {
		for _, a := range share.lobby {
			for _, b := range v.RT {
				if a.Name == b.Name {
					moveArea(p, a.Start, a.Size(), b.Start)
				}
			}
		}
	}
	if share.byCall && !whole {
		start, end := share.lobby.Span()
		p.Call(arch.SysMunmap, start, end-start)
	}
	for _, a := range v.RT {
		r.protectVDSO(p, v, a)
	}
}

// protectVDSO is also the check that the code is where it should be: had its place been taken, the kernel would have mapped it
// elsewhere without a word.
func (r *restore) protectVDSO(p *stub.Program, v *taskVDSO, a vdso.Area) {
	if v.Proxy && a.Name == vdso.CodeName {
		p.Call(arch.SysMprotect, a.Start, a.Size(), unix.PROT_READ|unix.PROT_WRITE)
		mark := v.Mark.Bytes(p.ABI().WordSize())
		p.Call(arch.SysPread64, r.areaFd, a.Start, len(mark), stub.Offset(p.Area.Bytes(mark).Off())).Expect(int64(len(mark))).Note("mark")
	}
	if a.Name == vdso.SigpageName {
		r.fillSigpage(p, v, a)
	}
	if a.Name == vdso.CodeName || a.Prot != vdso.Read {
		p.Call(arch.SysMprotect, a.Start, a.Size(), uint32(a.Prot))
	}
}

// patchVDSO writes the patched code of a proxy over what was read from the image.
func (r *restore) patchVDSO(p *stub.Program, t *loadedTask) {
	code, ok := mem.VDSOGroup(t.mm.Vmas).Code()
	if !ok || !t.vdso.Proxy || t.vdso.Code == nil {
		return
	}
	d := p.Area.Bytes(t.vdso.Code)
	p.Call(arch.SysPread64, r.areaFd, code.Start, len(t.vdso.Code), stub.Offset(d.Off())).Expect(int64(len(t.vdso.Code))).Note("trampolines")
}
