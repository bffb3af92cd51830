package task

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/stub"
	"woodfrog/internal/parallel"
)

// Facts are what only the thread itself can tell.
type Facts struct {
	altstack    stub.Data
	clearTid    stub.Data // a word of the kernel
	robust      stub.Data // head and size, 8 bytes each
	pdeathsig   stub.Data
	securebit   *stub.Op
	sched       stub.Data // struct sched_attr
	slack       *stub.Op  // of timers, ns
	ioprio      *stub.Op
	mceKill     *stub.Op
	personality *stub.Op
	prctls      []stub.Data // of the ABI's

	leader *leaderFacts
}

// leaderFacts are what the leader tells of the whole task.
type leaderFacts struct {
	actions    stub.Data
	itimers    stub.Data
	brk        *stub.Op
	dumpable   *stub.Op
	subreaper  stub.Data
	thp        *stub.Op
	membarrier *stub.Op
	mdwe       *stub.Op
	merge      *stub.Op
	ldt        *stub.Op // bytes read of its local descriptor table; nil where programs have none
	timers     []posixTimer
	pending    stub.Data // signals, when the timers had been read
}

const (
	numSignals    = 64
	sigactionSize = 32 // room for struct sigaction of the kernel
	itimerSize    = 32 // room for struct itimerval

	membarrierGetRegistrations = 1 << 9             // since Linux 6.3
	askPersonality             = uint32(0xffffffff) // sets none (kernel/exec_domain.c)
)

// askSize is the room in the area that the questions to one thread take, its registers not counted, bytes.
const askSize = 3 << 10

// askRoom is the room that the questions to threads take, bytes.
func askRoom(threads []*Thread) int {
	n := len(threads) * askSize
	for _, th := range threads {
		for _, r := range th.Regs {
			n += len(r)
		}
	}
	return n
}

// cageSize is the room that the stub's area needs for its code, the questions to all threads of t and what the leader is told to do later, bytes.
func (t *Task) cageSize(page int) int {
	n := page + 64<<10 + askRoom(t.Threads) + (1+settleTries)*t.timersSize()
	if t.Further != nil {
		n += t.Further.Size()
	}
	return (n + page - 1) / page * page
}

// Further are questions to the leader about resources that this package does not know.
type Further interface {
	// Size is the room in the area that they take, bytes.
	Size() int
	// Ask appends them.
	Ask(leader *stub.Program)
}

// Ask has every thread of the tree tell its facts, all at once.
func (tr *Tree) Ask() error {
	for _, t := range tr.Tasks {
		if t.Zombie() {
			continue
		}
		if err := t.startAsking(); err != nil {
			return fmt.Errorf("task %d: %w", t.Pid, err)
		}
	}
	for _, t := range tr.Tasks {
		if t.Zombie() {
			continue
		}
		for _, th := range t.Threads {
			if err := th.asked.Block.Wait(th.Alive); err != nil {
				return fmt.Errorf("task %d: %w", t.Pid, err)
			}
			if err := th.asked.Err(); err != nil {
				return fmt.Errorf("task %d: thread %d: %w", t.Pid, th.Tid, err)
			}
		}
		if err := t.settle(); err != nil {
			return fmt.Errorf("task %d: %w", t.Pid, err)
		}
		if t.hasLDT() {
			return fmt.Errorf("task %d: has made a local descriptor table of its own (modify_ldt): not served", t.Pid)
		}
	}
	return nil
}

// startAsking starts the questions in all threads of t. Of many threads the first are started while the programs of the others are made, beside
// that and by the tracer itself where it would have to wait for one.
func (t *Task) startAsking() error {
	parts, areas := t.carve()
	ready := make(chan []*Thread, len(parts))
	var next atomic.Int64
	write := func() {
		i := int(next.Add(1)) - 1
		if i >= len(parts) {
			return
		}
		var written []*Thread // none if that panics
		defer func() { ready <- written }()
		for _, th := range parts[i] {
			t.writeQuestions(th, areas[i])
		}
		written = parts[i]
	}
	others := parallel.Begin(len(parts)-1, 1, func(int) error { write(); return nil })
	defer func() { _ = others() }() // should this panic
	var first error
	for range parts {
		if len(ready) == 0 {
			write()
		}
		for _, th := range <-ready {
			if first == nil {
				first = th.Enter(th.block)
			}
		}
	}
	_ = others() // panics where a part could not be written
	if r := t.Cage.refuge; first == nil && r != nil && !r.untouched {
		return r.wipe(t.Pid)
	}
	return first
}

// carve divides the threads, and the area among them. The leader, which is among the first, has what is left: it is asked for more.
func (t *Task) carve() (parts [][]*Thread, areas []*stub.Area) {
	parts = slices.Collect(slices.Chunk(t.Threads, manyThreads))
	areas = []*stub.Area{t.Cage.Area}
	for _, part := range parts[1:] {
		areas = append(areas, t.Cage.Area.Carve(askRoom(part)))
	}
	return parts, areas
}

// writeQuestions makes the program of a thread of t in area.
func (t *Task) writeQuestions(th *Thread, area *stub.Area) {
	p := area.NewProgram(t.ABI)
	th.block, th.asked = p.Block, p
	th.guard(p.Area)
	th.ask(p)
	if th == t.Leader() {
		if r := t.Cage.refuge; r != nil {
			r.forget(p)
		}
		t.askLeader(p)
		if t.Further != nil {
			t.Further.Ask(p)
		}
		t.askTimers(p)
	}
	p.Link()
	if t.Stopped != 0 {
		t.SetWill(p.Next())
	}
}

// SetWill makes will what a thread of t does when the engine dies, in place of any other. One of a stopped task waits then: the kernel stops it
// anew when it lets go of it, which is after the word of the engine's death (kernel/exit.c, do_exit: exit_mm, exit_notify). Until then it
// would run on.
func (t *Task) SetWill(will *stub.Program) {
	if t.Stopped != 0 {
		second := make([]byte, 2*t.ABI.WordSize()) // struct timespec of nanosleep
		second[0] = 1
		will.Call(arch.SysNanosleep, will.Area.Bytes(second), 0).Ignore()
	}
	will.Bequeath()
}

// Program starts a further program for the leader, which has told its facts and is idle.
func (t *Task) Program() *stub.Program { return t.Leader().asked.Next() }

// Run runs a program of Program, as often as wanted. It must not be linked: the leader would run it once more.
func (t *Task) Run(p *stub.Program) error {
	p.Deposit()
	p.Again()
	start := t.Cage.Area.Kick
	if leader := t.Leader(); !leader.running { // an earlier one has crashed
		start = func() error { return t.byTracer(func() error { return leader.Enter(p.Block) }) }
	}
	if err := start(); err != nil {
		return err
	}
	// a wake is lost on a thread that is just about to sleep
	again := func() error {
		if err := t.byTracer(t.Leader().Alive); err != nil {
			return err
		}
		return t.Cage.Area.Kick()
	}
	if err := p.Block.Wait(again); err != nil {
		return err
	}
	return p.Err()
}

func (th *Thread) ask(p *stub.Program) {
	f, area := &th.Facts, p.Area
	f.altstack, f.clearTid, f.robust, f.pdeathsig = area.Out(24), area.Out(8), area.Out(16), area.Out(8)
	p.Call(arch.SysSigaltstack, 0, f.altstack)
	p.Call(arch.SysPrctl, unix.PR_GET_TID_ADDRESS, f.clearTid).Ignore() // EINVAL without CONFIG_CHECKPOINT_RESTORE
	p.Call(arch.SysGetRobustList, 0, f.robust, f.robust.Part(8, 8))
	p.Call(arch.SysPrctl, unix.PR_GET_PDEATHSIG, f.pdeathsig)
	f.securebit = p.Call(arch.SysPrctl, unix.PR_GET_SECUREBITS)
	f.sched = area.Out(schedAttrSize)
	p.Call(arch.SysSchedGetattr, 0, f.sched, schedAttrSize, 0)
	f.slack = p.Call(arch.SysPrctl, unix.PR_GET_TIMERSLACK)
	f.ioprio = p.Call(arch.SysIoprioGet, 1, 0).Ignore() // of this thread; ENOSYS without CONFIG_BLOCK
	if len(th.Task.Threads) > 1 {
		f.personality = p.Call(arch.SysPersonality, askPersonality).Ignore()
	}
	f.mceKill = p.Call(arch.SysPrctl, unix.PR_MCE_KILL_GET, 0, 0, 0, 0)
	for _, pr := range th.Task.ABI.Prctls {
		word := area.Out(4)
		binary.LittleEndian.PutUint32(word.Mem(), pr.Fresh)
		f.prctls = append(f.prctls, word)
		p.Call(arch.SysPrctl, pr.Get, word).Ignore() // EINVAL where this processor has it not
	}
}

func (t *Task) askLeader(p *stub.Program) {
	f, area := &leaderFacts{}, p.Area
	t.Leader().Facts.leader = f
	f.actions = area.Out(numSignals * sigactionSize)
	for sig := 1; sig <= numSignals; sig++ {
		if t.hasAction(sig) {
			p.Call(arch.SysRtSigaction, sig, 0, f.actions.Addr()+uint64((sig-1)*sigactionSize), 8)
		}
	}
	f.subreaper = area.Out(8)
	f.brk = p.Call(arch.SysBrk, 0)
	f.dumpable = p.Call(arch.SysPrctl, unix.PR_GET_DUMPABLE)
	p.Call(arch.SysPrctl, unix.PR_GET_CHILD_SUBREAPER, f.subreaper)
	f.thp = p.Call(arch.SysPrctl, unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	f.mdwe = p.Call(arch.SysPrctl, unix.PR_GET_MDWE, 0, 0, 0, 0).Ignore()          // since Linux 6.3
	f.merge = p.Call(arch.SysPrctl, unix.PR_GET_MEMORY_MERGE, 0, 0, 0, 0).Ignore() // since Linux 6.4, with CONFIG_KSM
	f.membarrier = p.Call(arch.SysMembarrier, membarrierGetRegistrations, 0).Ignore()
	if t.ABI.Sys(arch.SysModifyLdt) >= 0 {
		f.ldt = p.Call(arch.SysModifyLdt, 0, area.Out(8), 8).Ignore() // ENOSYS without CONFIG_MODIFY_LDT_SYSCALL
	}
}

func (t *Task) hasLDT() bool {
	ldt := t.Leader().Facts.leader.ldt
	return ldt != nil && int32(ldt.Result()) > 0 // an int without its sign (arch/x86/kernel/ldt.c, modify_ldt)
}

// hasAction says that the action of a signal is more than the default one. Flags and mask of that mean nothing to the kernel, but for
// SIGCHLD, whose flags it heeds in any case (kernel/signal.c, do_notify_parent).
func (t *Task) hasAction(sig int) bool {
	return sig == int(unix.SIGCHLD) || (t.Status.SigIgn|t.Status.SigCgt)>>(sig-1)&1 != 0
}

// Brk is the end of the heap.
func (t *Task) Brk() uint64 { return t.Leader().Facts.leader.brk.Address() }

// ClearTid is the address that is cleared when the thread ends; 0 for none.
func (th *Thread) ClearTid() uint64 { return th.Facts.clearTid.U64(0) }

// guard lays down the frame to which the thread returns by itself should the engine die.
func (th *Thread) guard(area *stub.Area) {
	var sp uint64
	th.home = area.Place(func(room []byte, at uint64) (frame []byte) {
		frame, sp = th.Task.ABI.Regs.Sigframe(room, th.Regs, th.Task.Xstate, th.Sigmask, at)
		return frame
	})
	th.block.SetFrame(sp)
}

// guardAgain lays down the same frame, with registers that were changed.
func (th *Thread) guardAgain() {
	frame, _ := th.Task.ABI.Regs.Sigframe(th.home.Mem()[:0], th.Regs, th.Task.Xstate, th.Sigmask, th.home.Addr())
	copy(th.home.Mem(), frame)
}
