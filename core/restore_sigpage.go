package core

import (
	"fmt"
	"io"
	"math"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/mem"
	"woodfrog/core/stub"
	"woodfrog/core/vdso"
)

// [sigpage] of arm at restore goes the way of the vDSO's areas: from where exec put it through the lobby to where the image's task has it,
// since the kernel lets handlers return to the one that it mapped itself. Frames that are on the task's stacks return to the code of the
// kernel that made them: that is written to its place in the page. Where that is taken by this kernel's code, the image's page is kept as
// plain memory and the kernel's is parked.

// withSigpage is the lobby with [sigpage] behind the vDSO; at is where it is if there is no vDSO.
func (v *vdsoPlan) withSigpage(at uint64) vdso.Group {
	page := v.rt.Sigpage
	if page.End == 0 {
		return v.lobby
	}
	if _, end := v.lobby.Span(); end != 0 {
		at = end
	}
	page.Start, page.End = at, at+page.Size()
	return append(v.lobby, page)
}

// placeSigpage decides where in t the kernel's page goes, and what is in it.
func (r *restore) placeSigpage(t *loadedTask, taken []vdso.Area, content io.ReaderAt) error {
	kernel := r.vdsos[t.abi].rt
	rt := kernel.Sigpage
	if rt.End == 0 {
		return nil
	}
	a, ok := mem.Sigpage(t.mm.Vmas)
	if ok && a.Size() == rt.Size() {
		code, err := readStored(t.pages, a, content)
		if err != nil {
			return err
		}
		t.vdso.sigpage, ok = vdso.MergeSigpage(code, kernel.SigpageCode, t.returnsInto(a))
		if _, conflict := r.fault.vdso("sigpage"); ok && !conflict {
			t.vdso.RT = append(t.vdso.RT, a)
			return nil
		}
		t.vdso.sigpage = nil
	}
	taken = append(append([]vdso.Area(nil), taken...), t.vdso.RT...)
	at, ok := vdso.Hole(taken, rt, rt.Size(), uint64(unix.Getpagesize()), math.MaxUint64, lowestPark, t.abi.TaskSize)
	if !ok {
		return fmt.Errorf("no %#x bytes of address space for %s", rt.Size(), rt.Name)
	}
	rt.Start, rt.End = at, at+rt.Size()
	t.vdso.RT = append(t.vdso.RT, rt)
	return nil
}

// lowestPark leaves out what vm.mmap_min_addr may forbid.
const lowestPark = 1 << 16

// fillSigpage brings the code of other kernels into the page, which the kernel lets a task write to as debuggers do.
func (r *restore) fillSigpage(p *stub.Program, v *taskVDSO, a vdso.Area) {
	if v.sigpage == nil {
		return
	}
	p.Call(arch.SysMprotect, a.Start, a.Size(), unix.PROT_READ|unix.PROT_WRITE)
	p.Call(arch.SysPread64, r.areaFd, a.Start, len(v.sigpage), stub.Offset(p.Area.Bytes(v.sigpage).Off())).Expect(int64(len(v.sigpage))).Note("sigpage")
}
