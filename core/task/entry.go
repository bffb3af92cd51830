package task

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/compat"
	"woodfrog/core/image"
	"woodfrog/internal/linux"
)

// Entry is the image of a thread; the leader's holds what belongs to the whole task. Register state that CRIU's messages
// cannot hold is returned beside it.
func (th *Thread) Entry(layout *arch.XstateLayout) (*image.CoreEntry, *image.XstateEntry, error) {
	t := th.Task
	c := &image.CoreEntry{ThreadCore: th.coreEntry()}
	if err := th.schedEntry(c.ThreadCore); err != nil {
		return nil, nil, fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	regs := slices.Clone(th.Regs)
	regs[0] = bytes.Clone(regs[0])
	t.ABI.Regs.Rewind(regs[0], th.firstHandler())
	rest, err := image.PutRegs(c, t.ABI, layout, regs, th.ClearTid())
	if err != nil {
		return nil, nil, fmt.Errorf("thread %d: %w", th.Tid, err)
	}
	if th == t.Leader() {
		c.Tc, err = t.taskEntry()
	}
	return c, rest, err
}

func (th *Thread) coreEntry() *image.ThreadCoreEntry {
	f, t := &th.Facts, th.Task
	comm := th.Status.Name
	mask := th.Sigmask
	pdeath := binary.LittleEndian.Uint32(f.pdeathsig.Mem())
	stack := t.ABI.Fields(f.altstack.Mem())
	e := &image.ThreadCoreEntry{
		FutexRla: f.robust.U64(0), FutexRlaLen: uint32(f.robust.U64(1)),
		BlkSigset: &mask, PdeathSig: &pdeath, Comm: &comm,
		Sas:      &image.ThreadSasEntry{SsSp: stack.Word(), SsFlags: stack.U32(), SsSize: stack.Word()},
		SignalsP: queueEntry(th.Task.ABI, th.Private),
		Creds:    CredsOf(&th.Status, uint32(f.securebit.Result())),
	}
	e.RseqEntry = th.rseqEntry()
	return e
}

func (t *Task) taskEntry() (*image.TaskCoreEntry, error) {
	leader := t.Leader()
	f := leader.Facts.leader
	e := &image.TaskCoreEntry{
		TaskState: image.TaskAlive, Flags: t.Stat.Flags, BlkSigset: leader.Sigmask, Comm: t.Stat.Comm,
		Timers: t.timersEntry(), SignalsS: queueEntry(t.ABI, t.Shared), Sigactions: t.actionEntries(),
	}
	if t.Stopped != 0 {
		e.TaskState = image.TaskStopped
		sig := uint32(t.Stopped)
		e.StopSigno = &sig
	}
	personality, err := t.Proc.Personality()
	if err != nil {
		return nil, err
	}
	e.Personality = personality
	e.Rlimits = &image.TaskRlimitsEntry{}
	for _, l := range t.Limits {
		e.Rlimits.Rlimits = append(e.Rlimits.Rlimits, &image.RlimitEntry{Cur: l.Soft, Max: l.Hard})
	}
	adj, err := t.Proc.OOMScoreAdj()
	if err != nil {
		return nil, err
	}
	oom := int32(adj)
	e.OomScoreAdj = &oom
	if uid, err := t.Proc.Loginuid(); err == nil {
		e.Loginuid = &uid
	}
	subreaper := f.subreaper.Mem()[0] != 0
	e.ChildSubreaper = &subreaper
	if r := f.membarrier.Result(); r > 0 {
		mask := uint32(r)
		e.MembarrierRegistrationMask = &mask
	}
	return e, nil
}

// DeadEntry is the image of a zombie.
func (t *Task) DeadEntry(machine image.CoreEntryMarch) *image.CoreEntry {
	return &image.CoreEntry{Mtype: machine, Tc: &image.TaskCoreEntry{
		TaskState: image.TaskDead, ExitCode: t.Stat.ExitCode, Flags: t.Stat.Flags, Comm: t.Stat.Comm,
	}}
}

func queueEntry(abi *arch.ABI, b []byte) *image.SignalQueueEntry {
	q := &image.SignalQueueEntry{}
	for ; len(b) > 0; b = b[linux.SiginfoSize:] {
		q.Signals = append(q.Signals, &image.SiginfoEntry{Siginfo: compat.ImageSiginfo(abi, b[:linux.SiginfoSize])})
	}
	return q
}

// actionEntries are the signal actions, SIGKILL and SIGSTOP left out.
func (t *Task) actionEntries() []*image.SaEntry {
	all := make([]*image.SaEntry, 0, numSignals-2)
	for sig := 1; sig <= numSignals; sig++ {
		if sig != int(unix.SIGKILL) && sig != int(unix.SIGSTOP) {
			sa := t.action(sig)
			if t.ABI.Compat {
				sa.CompatSigaction = &t.ABI.Compat
			}
			all = append(all, sa)
		}
	}
	return all
}

// MmEntry is the image of the mm, without its areas.
func (t *Task) MmEntry() (*image.MmEntry, error) {
	s := &t.Stat
	f := t.Leader().Facts.leader
	dumpable, thp := int32(f.dumpable.Result()), f.thp.Result() > 0
	e := &image.MmEntry{
		MmStartCode: s.StartCode, MmEndCode: s.EndCode, MmStartData: s.StartData, MmEndData: s.EndData,
		MmStartStack: s.StartStack, MmStartBrk: s.StartBrk, MmBrk: t.Brk(),
		MmArgStart: s.ArgStart, MmArgEnd: s.ArgEnd, MmEnvStart: s.EnvStart, MmEnvEnd: s.EnvEnd,
		Dumpable: &dumpable, ThpDisabled: &thp,
	}
	auxv, err := t.Proc.Auxv(t.ABI.WordSize())
	if err != nil {
		return nil, err
	}
	for _, a := range auxv {
		e.MmSavedAuxv = append(e.MmSavedAuxv, a.Type, a.Value)
	}
	e.MmSavedAuxv = compat.KernelWords(t.ABI, e.MmSavedAuxv)
	return e, nil
}
