package task

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/compat"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// Reviver knows what fresh tasks inherit from the engine: a property that the image has the same is not set again.
type Reviver struct {
	Limits      [16]unix.Rlimit
	Creds       *image.CredsEntry
	Nice        int32
	Policy      uint32
	Slack       uint64 // of timers, ns
	OOMScoreAdj int32
	Loginuid    uint32
	CoreFilter  uint32
	NoTHP       bool   // PR_SET_THP_DISABLE, or a kernel without huge pages
	Ignored     uint64 // signals, bit n-1 for signal n
	TimerIDs    bool   // the kernel makes POSIX timers with ids of one's choice
}

// Revival is one task of the image on its way back. Its programs are one for each thread, the leader's first.
type Revival struct {
	*Reviver
	Pid     int
	Tids    []int
	Cores   []*image.CoreEntry
	Mm      *image.MmEntry
	Proc    int // descriptor of /proc in the task
	Filters []*image.SeccompFilter
	Traits  *image.TraitsEntry
	Alone   bool // there is no other task
	Leaves  bool // its parent is the engine, which ends: not the parent whose death it wants to know

	// StopsChildren says that a child is to be stopped at the end. Chld is then the action for SIGCHLD, to be set after that.
	StopsChildren bool
	Chld          *stub.Data

	seccomp *seccompPlan
	changed stub.Data // counts the other threads that have changed their credentials
	changes uint32
}

// Prepare lays down in area what the task's threads share.
func (v *Revival) Prepare(area *stub.Area) error {
	var err error
	if v.seccomp, err = planSeccomp(area, v.Cores, v.Filters); err != nil {
		return err
	}
	for _, c := range v.Cores[1:] {
		if tc := c.ThreadCore; tc != nil && tc.Creds != nil && !v.sameCreds(tc.Creds) {
			v.changes++
		}
	}
	if v.changes > 0 {
		v.changed = area.Word()
	}
	return nil
}

// Task appends what the leader sets up for the whole task while it has the engine's descriptors, before it makes its threads.
func (v *Revival) Task(p *stub.Program) {
	tc := v.Cores[0].Tc
	if adj := tc.OomScoreAdj; adj != nil && *adj != v.OOMScoreAdj {
		v.write(p, "self/oom_score_adj", fmt.Sprint(*adj))
	}
	if uid := tc.Loginuid; uid != nil && *uid != v.Loginuid {
		v.write(p, "self/loginuid", fmt.Sprint(*uid))
	}
	if filter, set := v.coreFilter(); set {
		v.write(p, "self/coredump_filter", fmt.Sprintf("%#x", filter))
	}
	v.names(p)
	v.actions(p, tc.Sigactions)
	// always: the engine's own, which the task has now, need not be the default one (setarch)
	p.Call(arch.SysPersonality, tc.Personality).Ignore() // returns the old one
	if m := tc.MembarrierRegistrationMask; m != nil {
		for bit := range 32 {
			if *m>>bit&1 != 0 {
				p.Call(arch.SysMembarrier, 1<<bit, 0)
			}
		}
	}
}

// NeedsProc says whether the task has to write to files in /proc.
func (v *Revival) NeedsProc() bool {
	if _, set := v.coreFilter(); set {
		return true
	}
	tc := v.Cores[0].Tc
	return tc.OomScoreAdj != nil && *tc.OomScoreAdj != v.OOMScoreAdj || tc.Loginuid != nil && *tc.Loginuid != v.Loginuid
}

// write appends writing text to a file in /proc, where the task is the one it is about.
func (v *Revival) write(p *stub.Program, name, text string) {
	fd := p.Call(arch.SysOpenat, v.Proc, p.Area.String(name), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	p.Call(arch.SysWrite, fd, p.Area.String(text), len(text)).Expect(int64(len(text)))
	p.Call(arch.SysClose, fd)
}

// Early appends what thread i has to have in place before the tree is complete.
func (v *Revival) Early(p *stub.Program, i int) {
	c := v.Cores[i]
	tc := c.ThreadCore
	if clear := image.ClearTid(c); clear != 0 {
		p.Call(arch.SysSetTidAddress, clear).Ignore() // returns the TID
	}
	for _, set := range p.ABI().RegSets {
		if set.Request != 0 {
			p.Call(set.Setter, image.RegWord(c, &set))
		}
	}
	if tc == nil {
		return
	}
	if tc.FutexRla != 0 {
		p.Call(arch.SysSetRobustList, tc.FutexRla, tc.FutexRlaLen)
	}
	if s := tc.Sas; s != nil && s.SsFlags&ssDisable == 0 && s.SsSize != 0 {
		stack := p.ABI().Struct().Word(s.SsSp).U32(s.SsFlags &^ ssOnstack).Word(s.SsSize)
		p.Call(arch.SysSigaltstack, p.Area.Bytes(stack.Bytes()), 0)
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
	v.sched(p, tc)
	v.threadTraits(p, i)
	if i > 0 {
		v.private(p, i)
	}
}

// Flags of a signal stack (include/uapi/linux/signal.h).
const (
	ssOnstack = 1
	ssDisable = 2
)

// Late appends what thread i does when the tree is complete and all its threads are traced: what needs privileges, then the
// credentials, then what these undo.
func (v *Revival) Late(p *stub.Program, i int) {
	c := v.Cores[i]
	tc := c.ThreadCore
	if i == 0 {
		v.leaderLate(p, c.Tc)
	}
	v.seccomp.revive(p, i, c)
	if tc != nil {
		if tc.Creds != nil && v.creds(p, tc.Creds) && i > 0 {
			p.Signal(v.changed)
		}
		if sig := tc.PdeathSig; sig != nil && *sig != 0 && !v.Leaves { // a change of credentials clears it (kernel/cred.c, commit_creds)
			p.Call(arch.SysPrctl, unix.PR_SET_PDEATHSIG, *sig)
		}
	}
	if i == 0 {
		v.leaderLast(p, c)
	}
}

func (v *Revival) leaderLate(p *stub.Program, tc *image.TaskCoreEntry) {
	if !v.Alone {
		// the SIGCHLD of zombies and helpers that this restore made
		chld := p.Area.Bytes(le(nil, 1<<(uint(unix.SIGCHLD)-1)))
		p.Call(arch.SysRtSigtimedwait, chld, 0, p.Area.Bytes(le(nil, 0, 0)), 8).Ignore()
	}
	if tc.SignalsS != nil {
		for _, s := range tc.SignalsS.Signals {
			if sig, ok := queued(s); ok {
				p.Call(arch.SysRtSigqueueinfo, v.Pid, sig, p.Area.Bytes(compat.Siginfo(p.ABI(), s.Siginfo)))
			}
		}
	}
	v.private(p, 0)
	v.lockFuture(p)
	v.limits(p, tc.Rlimits)
}

// leaderLast appends what only comes after the credentials: of all threads, since a change of one's resets dumpable.
func (v *Revival) leaderLast(p *stub.Program, c *image.CoreEntry) {
	if v.changes > 0 {
		p.Wait(v.changed, v.changes)
	}
	if d := v.Mm.Dumpable; d != nil && (*d == 0 || *d == 1) {
		p.Call(arch.SysPrctl, unix.PR_SET_DUMPABLE, int(*d))
	}
	if disabled := v.Mm.ThpDisabled != nil && *v.Mm.ThpDisabled; disabled != v.NoTHP {
		on := 0
		if disabled {
			on = 1
		}
		p.Call(arch.SysPrctl, unix.PR_SET_THP_DISABLE, on, 0, 0, 0)
	}
	v.merge(p)
	v.mdwe(p)
	v.timers(p, c.Tc)
}

func le(b []byte, words ...uint64) []byte {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}
