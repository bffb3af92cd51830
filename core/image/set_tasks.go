package image

import "woodfrog/internal/parallel"

// pstree reads the process tree and checks its shape.
func (l *loader) pstree() error {
	entries, err := ReadAll[PstreeEntry](l.d, Pstree, 0)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fault(Pstree, 0, "no entry")
	}
	tids := map[uint32]bool{}
	for i, e := range entries {
		if e.Pid == 0 || e.Pid > maxPid {
			return fault(Pstree, 0, "entry %d: pid: %d: out of range", i, e.Pid)
		}
		if tids[e.Pid] {
			return fault(Pstree, 0, "entry %d: pid: %d: there already", i, e.Pid)
		}
		tids[e.Pid] = true
		t := &Task{Entry: e}
		if i > 0 {
			if t.Parent = l.pids[e.Ppid]; t.Parent == nil {
				return fault(Pstree, 0, "entry %d: ppid: %d: no such task before it", i, e.Ppid)
			}
			t.Parent.Children = append(t.Parent.Children, t)
		}
		l.pids[e.Pid] = t
		l.Tasks = append(l.Tasks, t)
	}
	for i, e := range entries {
		for j, tid := range e.Threads {
			switch {
			case j == 0 && tid == e.Pid:
			case len(e.Threads) == 1 && tid == 0: // CRIU writes this for zombies
			case j == 0:
				return fault(Pstree, 0, "entry %d: threads[0]: %d: not the pid %d", i, tid, e.Pid)
			case tid == 0 || tid > maxPid:
				return fault(Pstree, 0, "entry %d: threads[%d]: %d: out of range", i, j, tid)
			case tids[tid]:
				return fault(Pstree, 0, "entry %d: threads[%d]: %d: there already", i, j, tid)
			}
			tids[tid] = true
		}
	}
	return nil
}

// tasks reads what each task has of its own.
func (l *loader) tasks() error { return inParallel(l.Tasks, l.task) }

func (l *loader) task(t *Task) error {
	leader := &Thread{Tid: t.Pid()}
	t.Threads = []*Thread{leader}
	if err := l.thread(leader); err != nil {
		return err
	}
	tc := leader.Core.Tc
	if tc == nil {
		return fault(Core, t.Pid(), "tc: missing")
	}
	switch tc.TaskState {
	case TaskDead:
		if len(t.Entry.Threads) > 1 {
			return fault(Core, t.Pid(), "tc.task_state: dead, with %d threads in %s", len(t.Entry.Threads), Pstree)
		}
		return nil
	case TaskAlive, TaskStopped:
	default:
		return fault(Core, t.Pid(), "tc.task_state: %d: unknown", tc.TaskState)
	}
	if len(t.Entry.Threads) == 0 || t.Entry.Threads[0] == 0 {
		return fault(Pstree, 0, "pid %d: threads: none, for a task that is alive", t.Pid())
	}
	for _, tid := range t.Entry.Threads[1:] {
		t.Threads = append(t.Threads, &Thread{Tid: int(tid)})
	}
	if err := inParallel(t.Threads[1:], l.thread); err != nil {
		return err
	}
	for _, th := range t.Threads {
		if err := l.checkLive(t, th); err != nil {
			return err
		}
	}
	if err := l.ids(t); err != nil {
		return err
	}
	if err := l.fs(t); err != nil {
		return err
	}
	return l.memory(t)
}

func (l *loader) fs(t *Task) (err error) {
	if t.Fs, err = ReadOne[FsEntry](l.d, Fs, t.Pid()); err != nil {
		return err
	}
	for _, ref := range []struct {
		field string
		id    uint32
	}{{"cwd_id", t.Fs.CwdId}, {"root_id", t.Fs.RootId}} {
		if l.Files[ref.id] == nil {
			return fault(Fs, t.Pid(), "%s: %d: not in %s", ref.field, ref.id, Files)
		}
	}
	return nil
}

func (l *loader) thread(th *Thread) (err error) {
	if th.Core, err = ReadOne[CoreEntry](l.d, Core, th.Tid); err != nil {
		return err
	}
	if th.Core.inXstateFile() {
		th.Xstate, err = ReadOne[XstateEntry](l.d, Xstate, th.Tid)
	}
	return optional(err)
}

// inXstateFile says whether registers were in use that the core has no field for. Whether they may be missing is for who
// restores them to say. Only x86 has a list of those that were: elsewhere there is a file if there is need for one.
func (c *CoreEntry) inXstateFile() bool {
	if c.ThreadInfo == nil {
		return true
	}
	if c.ThreadInfo.Fpregs.Xsave == nil {
		return false
	}
	x := c.ThreadInfo.Fpregs.Xsave
	left := x.XstateBv &^ legacyMask
	for _, f := range xsaveFields(x) {
		left &^= 1 << f.number
	}
	return left != 0
}

// Limits of the kernel: _NSIG, AT_VECTOR_SIZE with room to grow, RLIM_NLIMITS, TASK_COMM_LEN, sizeof(siginfo_t).
const (
	maxSignal   = 64
	maxAuxv     = 256
	maxRlimits  = 16
	maxComm     = 15
	siginfoSize = 128
)

// checkLive checks the core of a thread that has registers.
func (l *loader) checkLive(t *Task, th *Thread) error {
	c := th.Core
	leader := t.Threads[0].Core
	tc := leader.Tc
	switch {
	case c.Mtype != leader.Mtype:
		return fault(Core, th.Tid, "mtype: %v: the leader's is %v", c.Mtype, leader.Mtype)
	case machineOf(c).tid(c) == nil:
		return fault(Core, th.Tid, "mtype: %v: no registers of it", c.Mtype)
	case c.ThreadCore == nil:
		return fault(Core, th.Tid, "thread_core: missing")
	case len(tc.Comm) > maxComm:
		return fault(Core, t.Pid(), "tc.comm: %d bytes: more than %d", len(tc.Comm), maxComm)
	case len(tc.Sigactions) > maxSignal:
		return fault(Core, t.Pid(), "tc.sigactions: %d: more than %d", len(tc.Sigactions), maxSignal)
	case tc.Rlimits != nil && len(tc.Rlimits.Rlimits) > maxRlimits:
		return fault(Core, t.Pid(), "tc.rlimits: %d: more than %d", len(tc.Rlimits.Rlimits), maxRlimits)
	}
	if err := checkSignals(tc.SignalsS, "tc.signals_s", t.Pid()); err != nil {
		return err
	}
	return checkSignals(c.ThreadCore.SignalsP, "thread_core.signals_p", th.Tid)
}

func checkSignals(q *SignalQueueEntry, field string, tid int) error {
	if q == nil {
		return nil
	}
	for i, s := range q.Signals {
		if len(s.Siginfo) != siginfoSize {
			return fault(Core, tid, "%s.signals[%d].siginfo: %d bytes: want %d", field, i, len(s.Siginfo), siginfoSize)
		}
	}
	return nil
}

// ids reads the identities of what tasks may share. Before CRIU 1.4 they were in the core.
func (l *loader) ids(t *Task) (err error) {
	if t.Ids, err = ReadOne[TaskKobjIdsEntry](l.d, Ids, t.Pid()); optional(err) != nil {
		return err
	}
	if t.Ids == nil {
		t.Ids = t.Core().Ids
	}
	if t.Ids == nil {
		return err // that the file is not there
	}
	return nil
}

// fewItems are worth other threads.
const fewItems = 17

func inParallel[T any](items []T, f func(T) error) error {
	return parallel.Do(len(items), fewItems, func(i int) error { return f(items[i]) })
}
