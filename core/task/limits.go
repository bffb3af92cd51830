package task

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

// makeRoom raises the limit on address space where it is too low for the stub's area.
func (t *Task) makeRoom() error {
	l := t.Limits[unix.RLIMIT_AS]
	need := t.Stat.Vsize + t.Cage.want
	if need <= l.Soft {
		return nil
	}
	err := unix.Prlimit(t.Pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: need, Max: max(need, l.Hard)}, nil)
	if err != nil {
		return fmt.Errorf("%s of %d bytes leaves no room for the stub, which needs %d: raise it (prlimit --as) or dump with CAP_SYS_RESOURCE: %w",
			procfs.LimitName(unix.RLIMIT_AS), l.Soft, t.Cage.want, err)
	}
	t.Cage.roomy = true
	return nil
}

// takeRoom undoes makeRoom.
func (t *Task) takeRoom() error {
	if !t.Cage.roomy {
		return nil
	}
	l := t.Limits[unix.RLIMIT_AS]
	if err := unix.Prlimit(t.Pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: l.Soft, Max: l.Hard}, nil); err != nil {
		return fmt.Errorf("%s: %w", procfs.LimitName(unix.RLIMIT_AS), err)
	}
	return nil
}

// limits appends the resource limits.
func (r *Reviver) limits(p *stub.Program, l *image.TaskRlimitsEntry) {
	if l == nil {
		return
	}
	for i, e := range l.Rlimits {
		if i < len(r.Limits) && (r.Limits[i].Cur != e.Cur || r.Limits[i].Max != e.Max) {
			p.Call(arch.SysPrlimit64, 0, i, p.Area.Bytes(le(nil, e.Cur, e.Max)), 0)
		}
	}
}

// Unreachable lists the limits of a task of the image that are above what the engine may set, by their names in /proc/PID/limits.
func (r *Reviver) Unreachable(c *image.CoreEntry) []string {
	const capSysResource = unix.CAP_SYS_RESOURCE
	if c.Tc.Rlimits == nil || capSet(r.Creds.CapEff)>>capSysResource&1 != 0 {
		return nil
	}
	var names []string
	for i, e := range c.Tc.Rlimits.Rlimits {
		if i < len(r.Limits) && e.Max > r.Limits[i].Max {
			names = append(names, procfs.LimitName(i))
		}
	}
	return names
}
