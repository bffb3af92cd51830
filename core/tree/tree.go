// Package tree plans how restored tasks make one another: a pure function from the process tree of an image to the programs of
// system calls by which clone3(set_tid) brings back every parent, session, process group, orphan and zombie. It makes no system
// calls and imports nothing but the standard library; a Plan lives as long as one restore.
//
// What shapes a plan are the kernel's rules:
//
//   - A child is born in the session and the process group that its parent has at that moment (kernel/fork.c, copy_process).
//     Nothing but setsid leaves a session and nothing but birth enters one, so a task of another session than its parent's was
//     born before the parent called setsid, or elsewhere and then orphaned.
//   - setsid is EPERM for the leader of a process group; setpgid is EPERM for a session leader and for a group that does not
//     exist in the caller's session (kernel/sys.c). A group or session exists while any task is in it, zombies included.
//   - Children of a task that exits go to its nearest living ancestor that is a child subreaper (kernel/exit.c,
//     find_new_reaper). So a recorded parent is always an ancestor of the task's maker.
//   - A PID is in use while any task has it as PID, process group or session (kernel/pid.c): the PID of a dead leader is
//     taken by a helper, which leads as long as it must and then exits.
package tree

import "fmt"

// Task is one process of the image.
type Task struct {
	Pid, PPid, Pgid, Sid int
	Threads              []int // TIDs; the leader's own may be among them
	Subreaper            bool  // PR_SET_CHILD_SUBREAPER; not looked at in a zombie
	Zombie               bool
	Status               int // of a zombie: as wait(2) reports it
}

// Input is what a plan is made of.
type Input struct {
	Root  int
	Tasks []Task
	// ShellJob lets a root whose session or process group is led from outside the tree take those of the restorer.
	ShellJob bool
	// OutsidePgid is the process group in which the root is born, as the root's PID namespace numbers it; 0 where it has no number.
	OutsidePgid int
	// Spare yields PIDs for helpers that stand for no PID of the image, 0 when there are no more. Those used in the image are
	// passed over. If it is nil they are counted from 300, the first PID that the kernel gives out again after a wrap.
	Spare func() int
}

// Plan holds one program for each task and each helper. Until Ready no task may ignore SIGCHLD or set SA_NOCLDWAIT, which lets
// zombies go (kernel/signal.c, do_notify_parent), and tasks that are to be stopped are stopped after it: the exit of a helper
// can make their process group an orphaned one, which is continued (kernel/exit.c, kill_orphaned_pgrp).
type Plan struct {
	Programs []Program // the root's is the first; each is made by a Clone step of an earlier one
	Barriers int       // barrier words, all zero at first
}

// Program is what one task does, in order.
type Program struct {
	Pid    int
	Helper bool // exits and is reaped before the tasks are ready
	Steps  []Step
}

// Step is one step of a program; which fields count depends on Op.
type Step struct {
	Op      Op
	Pid     int // Clone, Setpgid, Reap, Await
	Pgid    int // Setpgid
	Program int // Clone: index of the child's program
	Barrier int // Wait, Signal
	On      bool
	Status  int // Exit: as wait(2) reports it
}

// Op names a step.
type Op uint8

const (
	// Clone makes child Pid, which runs Program. A helper needs no exit signal; reap it with __WALL.
	Clone Op = iota
	// Setsid makes the task the leader of a session.
	Setsid
	// Setpgid puts Pid, the task itself or its child, in process group Pgid.
	Setpgid
	// Subreaper sets PR_SET_CHILD_SUBREAPER to On.
	Subreaper
	// Wait blocks until Barrier is signalled.
	Wait
	// Signal sets Barrier, once, and wakes all that wait.
	Signal
	// Exit ends the task with Status.
	Exit
	// Reap waits for helper Pid to exit, and releases it.
	Reap
	// Await waits for zombie Pid to exit and leaves it (waitid with WNOWAIT). Its SIGCHLD is pending if it was blocked.
	Await
	// Ready blocks until every task that is no zombie has come here: the tree is complete.
	Ready
)

// String writes the step as the call it makes.
func (s Step) String() string {
	switch s.Op {
	case Clone:
		return fmt.Sprintf("clone3(set_tid=%d)", s.Pid)
	case Setsid:
		return "setsid()"
	case Setpgid:
		return fmt.Sprintf("setpgid(%d, %d)", s.Pid, s.Pgid)
	case Subreaper:
		if s.On {
			return "prctl(PR_SET_CHILD_SUBREAPER, 1)"
		}
		return "prctl(PR_SET_CHILD_SUBREAPER, 0)"
	case Wait:
		return fmt.Sprintf("wait(barrier %d)", s.Barrier)
	case Signal:
		return fmt.Sprintf("signal(barrier %d)", s.Barrier)
	case Exit:
		return fmt.Sprintf("exit(%#x)", s.Status)
	case Reap:
		return fmt.Sprintf("wait4(%d)", s.Pid)
	case Await:
		return fmt.Sprintf("waitid(%d, WNOWAIT)", s.Pid)
	case Ready:
		return "ready"
	}
	return fmt.Sprintf("op %d", s.Op)
}

// Kind says why there is no plan.
type Kind string

const (
	// Contradictory: no history of a kernel leads to this tree.
	Contradictory Kind = "contradictory"
	// Outside: the root's session or process group is led from outside the tree.
	Outside Kind = "outside"
	// ZombieThreads: a zombie whose other threads live.
	ZombieThreads Kind = "zombie with threads"
	// NoSpare: Input.Spare gave out.
	NoSpare Kind = "no spare pid"
	// Swapped: leaders of process groups are in one another's group and nobody else is in them.
	Swapped Kind = "swapped groups"
	// Tangled: the sessions ask for tasks to be made by one another in an order that the planner did not find. Trees that a
	// kernel can reach but this package cannot make end here.
	Tangled Kind = "tangled sessions"
)

// Error names the task for which there is no plan, why, and what to do.
type Error struct {
	Pid    int
	Kind   Kind
	Cause  string
	Remedy string // may be empty
}

func (e *Error) Error() string { return fmt.Sprintf("task %d: %s", e.Pid, e.Cause) }

// New returns the plan that makes the tree of in, or an *Error. The same input gives the same plan.
func New(in Input) (*Plan, error) {
	f, err := newForest(in)
	if err != nil {
		return nil, err
	}
	if err := f.solve(); err != nil {
		return nil, err
	}
	if err := f.addHelpers(); err != nil {
		return nil, err
	}
	return f.schedule()
}
