package task

import "woodfrog/core/vdso"

// vdsoCode is the code of the task's vDSO, and of the one that is parked.
func (t *Task) vdsoCode() (code []vdso.Area) {
	for _, g := range []vdso.Group{t.VDSO.Group, t.VDSO.Parked} {
		if a, ok := g.Code(); ok {
			code = append(code, a)
		}
	}
	return code
}

// insideVDSO says that a thread with these registers has to leave the vDSO.
func (t *Task) insideVDSO(gpr []byte) bool {
	pc := t.ABI.Regs.PC(gpr)
	for _, g := range []vdso.Group{t.VDSO.Group, t.VDSO.Parked} {
		if a, ok := g.Code(); ok && a.Start <= pc && pc < a.End {
			return inside(t.codeToLeave(), pc)
		}
	}
	return false
}

// codeToLeave is that code without what a thread may stay in, since all of that is there after the restore: what handlers return by, which has no
// data, and whose effect only the kernel can bring about; and __kernel_vsyscall of ia32, where threads are blocked, and a step would make their
// call again, but for what the ABI says.
func (t *Task) codeToLeave() []vdso.Area {
	if t.toLeave != nil {
		return t.toLeave
	}
	code := t.vdsoCode()
	for _, s := range t.sigreturns {
		code = without(code, s.Start, s.Start+s.Same)
	}
	if l := t.loadedVDSO(); l.Image != nil {
		for _, s := range l.Image.Lasting() {
			at := l.At + s.Value
			code = without(code, at, at+s.Size)
			if t.ABI.VDSO.VsyscallLeave == nil {
				continue
			}
			if from, to := t.ABI.VDSO.VsyscallLeave(l.Code[s.Value:][:s.Size]); from < to {
				code = append(code, vdso.Area{Start: at + uint64(from), End: at + uint64(to)})
			}
		}
	}
	t.toLeave = code
	return code
}

// without leaves out of code what is between from and to.
func without(code []vdso.Area, from, to uint64) (rest []vdso.Area) {
	for _, a := range code {
		if end := min(a.End, from); a.Start < end {
			rest = append(rest, vdso.Area{Start: a.Start, End: end})
		}
		if start := max(a.Start, to); start < a.End {
			rest = append(rest, vdso.Area{Start: start, End: a.End})
		}
	}
	return rest
}

func inside(code []vdso.Area, pc uint64) bool {
	for _, a := range code {
		if a.Start <= pc && pc < a.End {
			return true
		}
	}
	return false
}
