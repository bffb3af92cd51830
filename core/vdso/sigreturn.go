package vdso

import "slices"

// Sigreturns are the addresses of the code in rt, which is mapped at from, that handlers of signals return to, and where img, mapped at to, has
// the same: all of it is never patched.
func Sigreturns(rt *Image, from uint64, img *Image, to uint64) map[uint64]uint64 {
	pairs := map[uint64]uint64{}
	own := img.Functions()
	for _, s := range rt.Functions() {
		if r := roles[bare(s.Name)]; !r.always || r.action != Keep {
			continue
		}
		if i := slices.IndexFunc(own, func(o Symbol) bool { return o.Name == s.Name }); i >= 0 {
			pairs[from+s.Value] = to + own[i].Value
		}
	}
	return pairs
}

// FindVsyscall says where in the code of a vDSO of ia32 __kernel_vsyscall is, if it is there.
func FindVsyscall(code []byte) (from, to uint64, ok bool) {
	img, err := Parse(code)
	if err != nil {
		return 0, 0, false
	}
	for _, s := range img.Functions() {
		if roles[bare(s.Name)].action == Vsyscall {
			return s.Value, s.Value + s.Size, true
		}
	}
	return 0, 0, false
}
