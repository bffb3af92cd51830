package vdso

import (
	"fmt"
	"math"
	"slices"

	"woodfrog/arch"
)

// Task is what a restore knows of the vDSO of an image's task.
type Task struct {
	ABI   *arch.ABI
	Group Group  // the areas that the image has, code and data
	Code  []byte // what is in the code area
	// Written: the task has changed its code, and wants it to stay so.
	Written bool
	// Go says whether its program was linked by Go; nil: no matter.
	Go    func() bool
	Taken []Area // address space in which nothing may be parked
	Page  uint64
}

// Runtime is the vDSO of the kernel that restores. All is empty where it has none.
type Runtime struct {
	Group Group
	Image *Image
}

// Faults take other paths than the usual ones, for tests.
type Faults struct {
	Trampolines bool            // although all matches
	Far         bool            // there is no hole within reach of a short branch
	Gone        map[string]bool // functions that the rt-vDSO has not
}

// Place says where the areas of the rt-vDSO will be in a task.
type Place struct {
	RT     Group // the areas that the task keeps; with their protection in the image
	Proxy  bool  // the image's areas are plain memory, RT is parked
	Code   []byte
	Mark   Mark
	Reason error // why it is a proxy, or why it has less than the image
}

// Plan decides how a task of an image gets a vDSO. A task without one gets none, one with a part of it gets that part.
func Plan(t *Task, rt *Runtime, f Faults) (*Place, error) {
	code, ok := t.Group.Code()
	if !ok {
		return t.data(rt), nil
	}
	img, err := Parse(t.Code)
	if err != nil {
		// The task overwrote it: there is nothing that could be called.
		return &Place{Proxy: true, Code: t.Code, Reason: err}, nil
	}
	server := rt.Image
	if server == nil {
		server = &Image{}
	}
	if len(f.Gone) > 0 {
		server = server.without(f.Gone)
	}
	if err = Match(img, server, t.Group, rt.Group); err == nil && !f.Trampolines {
		own, _ := rt.Group.Code()
		place := rt.Group.At(rt.Group[0].Start + code.Start - own.Start).Keeps(t.Group)
		if t.Written {
			place = slices.DeleteFunc(place, func(a Area) bool { return a.Name == CodeName })
		}
		return &Place{RT: place.protected(t.Group)}, nil
	}
	return t.proxy(img, server, rt.Group, f.Far, err)
}

// data is the place in a task that has no code: the data areas that this kernel has the same.
func (t *Task) data(rt *Runtime) *Place {
	if len(t.Group) == 0 {
		return &Place{}
	}
	for _, a := range rt.Group {
		if a.Name == CodeName {
			continue
		}
		moved := rt.Group.At(rt.Group[0].Start + t.Group[0].Start - a.Start)
		if kept := moved.Keeps(t.Group); !slices.ContainsFunc(t.Group, func(b Area) bool { return !moved.covers(b) }) {
			return &Place{RT: kept.protected(t.Group)}
		}
	}
	return &Place{Proxy: true, Reason: fmt.Errorf("vdso: data areas measure otherwise here: %v in the image", t.Group[0])}
}

// protected gives areas the protection that they have in the image.
func (g Group) protected(image Group) Group {
	for i := range g {
		for _, b := range image {
			if b.Start <= g[i].Start && g[i].End <= b.End {
				g[i].Prot = b.Prot
			}
		}
	}
	return g
}

func (t *Task) proxy(img, server *Image, rt Group, far bool, why error) (*Place, error) {
	code, _ := t.Group.Code()
	p := &Place{Proxy: true, Code: slices.Clone(t.Code), Reason: why}
	decisions, err := Decide(img, server)
	if err != nil {
		return nil, err
	}
	if t.Go != nil && t.Go() {
		spareGo(decisions, t.ABI)
	}
	var at uint64
	if len(rt) > 0 {
		if p.RT, far, err = t.park(rt, code, far); err != nil {
			return nil, err
		}
		own, _ := p.RT.Code()
		at = own.Start
		p.Mark = Mark{Version: 3, VDSO: code.Start, VVar: t.Group.firstData(), RTVVar: p.RT.firstData()}
	}
	return p, Patch(p.Code, t.ABI, decisions, code.Start, at, far)
}

// lowestPark leaves out what vm.mmap_min_addr may forbid.
const lowestPark = 1 << 16

// park finds the hole that is nearest to the code.
func (t *Task) park(rt Group, code Area, far bool) (Group, bool, error) {
	start, end := rt.Span()
	reach := t.ABI.VDSO.Reach
	for range 2 {
		if !far {
			if at, ok := Hole(t.Taken, code, end-start, t.Page, reach, lowestPark, t.ABI.TaskSize); ok {
				return rt.At(at), reach != t.ABI.VDSO.Reach, nil
			}
		}
		far, reach = false, math.MaxUint64
	}
	return nil, false, fmt.Errorf("vdso: no %#x bytes of address space to park that of this kernel", end-start)
}

// firstData is where the first data area begins.
func (g Group) firstData() uint64 {
	for _, a := range g {
		if a.Name != CodeName {
			return a.Start
		}
	}
	return None
}

// without is the image without some of its functions.
func (img *Image) without(names map[string]bool) *Image {
	less := *img
	less.Symbols = slices.DeleteFunc(slices.Clone(img.Symbols), func(s Symbol) bool { return names[bare(s.Name)] })
	return &less
}
