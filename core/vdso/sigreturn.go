package vdso

import "slices"

// Lasting are the functions of img that no patch changes in any place where a thread may be: those by which handlers of signals return, and
// __kernel_vsyscall of ia32. None is Thumb code.
func (img *Image) Lasting() []Symbol {
	return slices.DeleteFunc(img.Functions(), func(s Symbol) bool { return !roles[bare(s.Name)].always || s.Value&1 != 0 })
}

// Loaded is a vDSO in a task: what its code says, that code and where it is mapped. Of one that is not there or cannot be read Image is nil.
type Loaded struct {
	Image *Image
	Code  []byte
	At    uint64
}

// Twin is code by which handlers of signals return, and where the image's vDSO has the same.
type Twin struct {
	Area
	To   uint64
	Same uint64 // bytes up to which both are the same, or 1 where all that can be said is what both are for; 0: there is no other
}

// Of is the place that is the same as addr; not ok if there is none.
func (t *Twin) Of(addr uint64) (to uint64, ok bool) {
	return t.To + addr - t.Start, addr-t.Start < t.Same
}

// Sigreturns are the code in rt by which handlers return, and where img has the same: all of that is never patched. call finds a system call
// instruction: code is the same if it is so up to there, and what comes behind is never reached.
func Sigreturns(rt, img Loaded, call func(code []byte) int) []Twin {
	var own []Symbol
	if img.Image != nil {
		own = img.Image.Lasting()
	}
	var twins []Twin
	for _, s := range rt.Image.Lasting() {
		if roles[bare(s.Name)].action != Keep {
			continue
		}
		t := Twin{Area: Area{Start: rt.At + s.Value, End: rt.At + s.Value + s.Size}}
		if i := slices.IndexFunc(own, func(o Symbol) bool { return o.Name == s.Name }); i >= 0 {
			o := own[i]
			t.To, t.Same = img.At+o.Value, same(rt.Code[s.Value:][:s.Size], img.Code[o.Value:][:o.Size], call)
		}
		twins = append(twins, t)
	}
	return twins
}

func same(a, b []byte, call func(code []byte) int) uint64 {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if call(a[:n]) < 0 {
		return 1
	}
	return uint64(n)
}
