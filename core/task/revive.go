package task

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// Reviver appends to programs what gives a fresh thread the properties of the image's. What the engine's own process has the
// same is left out: a fresh task inherits it.
type Reviver struct {
	Limits [16]unix.Rlimit   // the engine's
	Creds  *image.CredsEntry // the engine's
	Nice   int32             // the engine's
	Policy uint32            // the engine's scheduling policy
}

func le(b []byte, words ...uint64) []byte {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// ThreadEarly appends what has to be in place before the tree is complete.
func (r *Reviver) ThreadEarly(p *stub.Program, c *image.CoreEntry) {
	tc := c.ThreadCore
	if tc == nil {
		return
	}
	if clear := image.ClearTid(c); clear != 0 {
		p.Call(arch.SysSetTidAddress, clear).Ignore() // returns the TID
	}
	if tc.FutexRla != 0 {
		p.Call(arch.SysSetRobustList, tc.FutexRla, tc.FutexRlaLen)
	}
	if s := tc.Sas; s != nil && s.SsFlags&ssDisable == 0 && s.SsSize != 0 {
		p.Call(arch.SysSigaltstack, p.Area.Bytes(le(nil, s.SsSp, uint64(s.SsFlags&^ssOnstack), s.SsSize)), 0)
	}
	if q := tc.RseqEntry; q != nil && q.RseqAbiPointer != 0 {
		p.Call(arch.SysRseq, q.RseqAbiPointer, q.RseqAbiSize, 0, q.Signature)
	}
	comm := tc.Comm
	if comm == nil && c.Tc != nil {
		comm = &c.Tc.Comm
	}
	if comm != nil {
		p.Call(arch.SysPrctl, unix.PR_SET_NAME, p.Area.String(*comm))
	}
	r.sched(p, tc)
}

// Flags of a signal stack (include/uapi/linux/signal.h).
const (
	ssOnstack = 1
	ssDisable = 2
)

func (r *Reviver) sched(p *stub.Program, tc *image.ThreadCoreEntry) {
	var policy, prio uint32
	var nice int32
	if tc.SchedPolicy != nil {
		policy = *tc.SchedPolicy
	}
	if tc.SchedPrio != nil {
		prio = *tc.SchedPrio
	}
	if tc.SchedNice != nil {
		nice = *tc.SchedNice
	}
	if policy == r.Policy && nice == r.Nice && prio == 0 {
		return
	}
	// struct sched_attr, first version, 48 bytes (include/uapi/linux/sched/types.h)
	b := binary.LittleEndian.AppendUint32(nil, 48)
	b = binary.LittleEndian.AppendUint32(b, policy)
	b = le(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(nice))
	b = binary.LittleEndian.AppendUint32(b, prio)
	b = le(b, 0, 0, 0)
	p.Call(arch.SysSchedSetattr, 0, p.Area.Bytes(b), 0)
}

// LeaderEarly appends what the leader sets up for the whole task before the tree is complete.
func (r *Reviver) LeaderEarly(p *stub.Program, c *image.CoreEntry) {
	i := 0
	for sig := 1; sig <= numSignals && i < len(c.Tc.Sigactions); sig++ {
		if sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
			continue
		}
		sa := c.Tc.Sigactions[i]
		i++
		p.Call(arch.SysRtSigaction, sig, p.Area.Bytes(le(nil, sa.Sigaction, sa.Flags, sa.Restorer, sa.Mask)), 0, 8)
	}
	if c.Tc.Personality != 0 {
		p.Call(arch.SysPersonality, c.Tc.Personality).Ignore() // returns the old one
	}
	if m := c.Tc.MembarrierRegistrationMask; m != nil {
		for bit := range 32 {
			if *m>>bit&1 != 0 {
				p.Call(arch.SysMembarrier, 1<<bit, 0)
			}
		}
	}
}

// LeaderLate appends what belongs to the task and has to wait until all tasks are there.
func (r *Reviver) LeaderLate(p *stub.Program, c *image.CoreEntry, pid int) {
	// the SIGCHLD of zombies and helpers that this restore made
	chld := p.Area.Bytes(le(nil, 1<<(uint(unix.SIGCHLD)-1)))
	p.Call(arch.SysRtSigtimedwait, chld, 0, p.Area.Bytes(le(nil, 0, 0)), 8).Ignore()
	if q := c.Tc.SignalsS; q != nil {
		for _, s := range q.Signals {
			p.Call(arch.SysRtSigqueueinfo, pid, int(binary.LittleEndian.Uint32(s.Siginfo)), p.Area.Bytes(s.Siginfo))
		}
	}
	if l := c.Tc.Rlimits; l != nil {
		for i, e := range l.Rlimits {
			if i < len(r.Limits) && (r.Limits[i].Cur != e.Cur || r.Limits[i].Max != e.Max) {
				p.Call(arch.SysPrlimit64, 0, i, p.Area.Bytes(le(nil, e.Cur, e.Max)), 0)
			}
		}
	}
}

// LeaderLast appends what only comes after the credentials.
func (r *Reviver) LeaderLast(p *stub.Program, c *image.CoreEntry, mm *image.MmEntry) {
	if mm.Dumpable != nil && (*mm.Dumpable == 0 || *mm.Dumpable == 1) {
		p.Call(arch.SysPrctl, unix.PR_SET_DUMPABLE, int(*mm.Dumpable))
	}
	if mm.ThpDisabled != nil && *mm.ThpDisabled {
		p.Call(arch.SysPrctl, unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	}
	if c.Tc.ChildSubreaper != nil && *c.Tc.ChildSubreaper {
		p.Call(arch.SysPrctl, unix.PR_SET_CHILD_SUBREAPER, 1)
	}
	reviveTimers(p, c.Tc.Timers)
}

// ThreadLate appends pending signals, credentials and what they would undo.
func (r *Reviver) ThreadLate(p *stub.Program, tc *image.ThreadCoreEntry, pid, tid int) {
	if tc == nil {
		return
	}
	if q := tc.SignalsP; q != nil {
		for _, s := range q.Signals {
			p.Call(arch.SysRtTgsigqueueinfo, pid, tid, int(binary.LittleEndian.Uint32(s.Siginfo)), p.Area.Bytes(s.Siginfo))
		}
	}
	if tc.Creds != nil {
		r.creds(p, tc.Creds)
	}
	if s := tc.PdeathSig; s != nil && *s != 0 {
		p.Call(arch.SysPrctl, unix.PR_SET_PDEATHSIG, *s)
	}
}
