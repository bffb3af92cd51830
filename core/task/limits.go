package task

import (
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

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
