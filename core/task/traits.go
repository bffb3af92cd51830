package task

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

// What tasks have whose ancestors never changed it: timer slack in ns (init/init_task.c), the filter of core dumps
// (include/linux/mm_types.h, MMF_DUMP_FILTER_DEFAULT with CONFIG_CORE_DUMP_DEFAULT_ELF_HEADERS).
const (
	defaultSlack      = 50_000
	defaultCoreFilter = 0x33
)

// Traits is what is unusual about t, or nil; cpus are the processors that the engine may run on, as /proc has them.
func (t *Task) Traits(cpus string) (*image.TraitsEntry, error) {
	e := &image.TraitsEntry{}
	if s := uint32(t.Stat.ExitSignal); s != uint32(unix.SIGCHLD) && t.Parent != nil {
		e.ExitSignal = &s
	}
	for _, th := range t.Threads {
		traits, err := th.traits(cpus)
		if err != nil {
			return nil, err
		}
		if traits != nil {
			e.Threads = append(e.Threads, traits)
		}
	}
	if filter, err := t.Proc.CoredumpFilter(); err == nil && filter != defaultCoreFilter {
		e.CoredumpFilter = &filter
	}
	for i := range t.Areas {
		if m := &t.Areas[i]; m.AnonName != "" {
			e.Names = append(e.Names, &image.AreaName{Start: m.Start, End: m.End, Name: m.AnonName})
		}
	}
	if mdwe := t.Leader().Facts.leader.mdwe.Result(); mdwe > 0 {
		e.MDWE = new(uint32(mdwe))
	}
	if t.Leader().Facts.leader.merge.Result() > 0 {
		e.MemoryMerge = new(true)
	}
	var err error
	if e.Mlockall, err = t.locksFuture(); err != nil {
		return nil, err
	}
	if e.ExitSignal == nil && len(e.Threads) == 0 && e.CoredumpFilter == nil && len(e.Names) == 0 && e.Mlockall == nil && e.MDWE == nil &&
		e.MemoryMerge == nil {
		return nil, nil
	}
	return e, nil
}

func (th *Thread) traits(cpus string) (*image.ThreadTraits, error) {
	e := &image.ThreadTraits{Tid: uint32(th.Tid)}
	if slack := uint64(th.Facts.slack.Result()); slack != defaultSlack {
		e.TimerSlack = &slack
	}
	const classShift = 13 // IOPRIO_CLASS_SHIFT; class 0 is none (include/uapi/linux/ioprio.h)
	if prio := th.Facts.ioprio.Result(); prio>>classShift > 0 {
		e.IOPriority = new(uint32(prio))
	}
	if th.Status.CPUs != cpus {
		var err error
		if e.CPUs, err = parseCPUs(th.Status.CPUs); err != nil {
			return nil, fmt.Errorf("thread %d: status: Cpus_allowed: %w", th.Tid, err)
		}
	}
	if policy := uint32(th.Facts.mceKill.Result()); policy != unix.PR_MCE_KILL_DEFAULT {
		e.MCEKill = &policy
	}
	for i, word := range th.Facts.prctls {
		pr := th.Task.ABI.Prctls[i]
		if value := binary.LittleEndian.Uint32(word.Mem()); value != pr.Fresh {
			e.Prctls = append(e.Prctls, &image.Prctl{Option: uint32(pr.Set), Value: value})
		}
	}
	if leader := th.Task.Leader(); th != leader {
		// asked in the same way: ppc64 keeps PER_LINUX32 to itself (arch/powerpc/kernel/syscalls.c, do_ppc64_personality)
		if own := uint32(th.Facts.personality.Result()); own != uint32(leader.Facts.personality.Result()) {
			e.Personality = &own
		}
	}
	if e.TimerSlack == nil && e.IOPriority == nil && e.CPUs == nil && e.Prctls == nil && e.Personality == nil && e.MCEKill == nil {
		return nil, nil
	}
	return e, nil
}

// parseCPUs makes bytes, the lowest first, of a mask as the kernel prints it: words of 32 bits, the highest first, with commas between.
func parseCPUs(text string) (mask []byte, err error) {
	words := strings.Split(text, ",")
	slices.Reverse(words)
	for _, w := range words {
		v, err := strconv.ParseUint(w, 16, 32)
		if err != nil {
			return nil, err
		}
		mask = append(mask, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return mask, nil
}

// locksFuture says with what flags the task has told mlockall(2) to lock areas to come; nil if it has not. The stub's area shows it,
// and is looked at where others are locked.
func (t *Task) locksFuture() (*uint32, error) {
	locked := func(m procfs.Smap) bool { return m.Flags.Has(procfs.VmLocked) }
	if t.Cage == nil || !slices.ContainsFunc(t.Areas, locked) {
		return nil, nil
	}
	areas, err := t.Proc.Smaps()
	if err != nil {
		return nil, err
	}
	for i := range areas {
		if m := &areas[i]; m.Start == t.Cage.base && locked(*m) {
			flags := uint32(unix.MCL_FUTURE)
			if m.Flags.Has(procfs.VmLockOnFault) {
				flags |= unix.MCL_ONFAULT
			}
			return &flags, nil
		}
	}
	return nil, nil
}

// names appends that anonymous memory gets its names.
func (v *Revival) names(p *stub.Program) {
	if v.Traits == nil {
		return
	}
	for _, n := range v.Traits.Names {
		// only a name: a kernel without CONFIG_ANON_VMA_NAME takes none
		p.Call(arch.SysPrctl, prSetVMA, prSetVMAAnonName, n.Start, n.End-n.Start, p.Area.String(n.Name)).Ignore()
	}
}

const (
	prSetVMA         = 0x53564d41 // PR_SET_VMA (include/uapi/linux/prctl.h)
	prSetVMAAnonName = 0
)

// lockFuture appends that areas to come are locked: there are none to come but the task's own.
func (v *Revival) lockFuture(p *stub.Program) {
	if v.Traits != nil && v.Traits.Mlockall != nil {
		p.Call(arch.SysMlockall, *v.Traits.Mlockall)
	}
}

// mdwe appends that memory which was written is not executed, when the stub maps nothing more.
func (v *Revival) mdwe(p *stub.Program) {
	if v.Traits != nil && v.Traits.MDWE != nil {
		p.Call(arch.SysPrctl, unix.PR_SET_MDWE, *v.Traits.MDWE, 0, 0, 0)
	}
}

// merge appends that pages of all the task's memory may be merged. It changes what areas have been advised (mm/ksm.c, ksm_enable_merge_any), which is
// put right.
func (v *Revival) merge(p *stub.Program) {
	if v.Traits == nil || v.Traits.MemoryMerge == nil || !*v.Traits.MemoryMerge {
		return
	}
	p.Call(arch.SysPrctl, unix.PR_SET_MEMORY_MERGE, 1, 0, 0, 0).Ignore() // nothing that a program sees, and not before Linux 6.4
	for _, a := range v.Mm.Vmas {
		const (
			private = image.VmaAnonPrivate | image.VmaFilePrivate
			kernels = image.VmaVsyscall | image.VmaVdso | image.VmaVvar
		)
		advised := a.Madv != nil && *a.Madv>>unix.MADV_MERGEABLE&1 != 0
		if a.Status&private != 0 && a.Status&kernels == 0 && !advised {
			p.Call(arch.SysMadvise, a.Start, a.End-a.Start, unix.MADV_UNMERGEABLE).Ignore() // as above
		}
	}
}

// coreFilter is the filter that the task has to set, if that of the engine is another.
func (v *Revival) coreFilter() (filter uint32, set bool) {
	filter = defaultCoreFilter
	if v.Traits != nil && v.Traits.CoredumpFilter != nil {
		filter = *v.Traits.CoredumpFilter
	}
	return filter, filter != v.CoreFilter
}

// threadTraits appends what is unusual about thread i.
func (v *Revival) threadTraits(p *stub.Program, i int) {
	var threads []*image.ThreadTraits
	if v.Traits != nil {
		threads = v.Traits.Threads
	}
	slack := uint64(defaultSlack)
	for _, th := range threads {
		if int(th.Tid) != v.Tids[i] {
			continue
		}
		if th.TimerSlack != nil {
			slack = *th.TimerSlack
		}
		if th.IOPriority != nil {
			const self, process = 0, 1 // IOPRIO_WHO_PROCESS
			p.Call(arch.SysIoprioSet, process, self, *th.IOPriority)
		}
		if th.CPUs != nil {
			// of processors that are not here there is nothing to be had
			p.Call(arch.SysSchedSetaffinity, 0, len(th.CPUs), p.Area.Bytes(th.CPUs)).Ignore()
		}
		if th.MCEKill != nil {
			p.Call(arch.SysPrctl, unix.PR_MCE_KILL, unix.PR_MCE_KILL_SET, *th.MCEKill, 0, 0)
		}
		for _, pr := range th.Prctls {
			p.Call(arch.SysPrctl, pr.Option, pr.Value)
		}
		if th.Personality != nil { // the thread has the leader's from its birth
			p.Call(arch.SysPersonality, *th.Personality)
		}
	}
	if slack != v.Slack { // the kernel takes none from a real-time thread, which has 0
		p.Call(arch.SysPrctl, unix.PR_SET_TIMERSLACK, slack)
	}
}
