package task

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// schedResetOnFork is SCHED_RESET_ON_FORK, which sched_getscheduler puts into the policy and the image with it.
const schedResetOnFork = 0x40000000

// schedAttrSize is that of struct sched_attr, first version (include/uapi/linux/sched/types.h).
const schedAttrSize = 48

// schedEntry puts into e how the thread is scheduled.
func (th *Thread) schedEntry(e *image.ThreadCoreEntry) error {
	attr := th.Facts.sched.Mem()
	policy, nice, prio := binary.LittleEndian.Uint32(attr[4:]), int32(binary.LittleEndian.Uint32(attr[16:])), binary.LittleEndian.Uint32(attr[20:])
	if policy == schedDeadline {
		return fmt.Errorf("scheduling policy SCHED_DEADLINE: not served")
	}
	if policy == unix.SCHED_FIFO || policy == unix.SCHED_RR {
		e.SchedPrio = &prio
	}
	nice, err := niceOf(th.Tid, policy, nice)
	if err != nil {
		return err
	}
	if le64(attr[8:])&schedFlagResetOnFork != 0 {
		policy |= schedResetOnFork
	}
	e.SchedPolicy, e.SchedNice = &policy, &nice
	return nil
}

// niceOf returns the nice value of a thread, 0 for the caller's, for which sched_getattr has told a policy and a nice value: it does without that
// of real-time policies (kernel/sched/syscalls.c, get_params).
func niceOf(tid int, policy uint32, told int32) (int32, error) {
	if !realTime(policy) {
		return told, nil
	}
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	if err != nil {
		return 0, fmt.Errorf("nice value: %w", err)
	}
	return int32(20 - priority), nil // the call itself returns no negative numbers
}

func realTime(policy uint32) bool {
	return policy == unix.SCHED_FIFO || policy == unix.SCHED_RR || policy == schedDeadline
}

// Inherit notes how a task that the calling thread makes is scheduled. It may have asked for a reset (kernel/sched/core.c, sched_fork).
func (r *Reviver) Inherit() error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("scheduling policy: %w", err)
	}
	r.Policy = attr.Policy
	if r.Nice, err = niceOf(0, attr.Policy, attr.Nice); err != nil {
		return err
	}
	if attr.Flags&schedFlagResetOnFork != 0 {
		if r.Nice = max(r.Nice, 0); realTime(attr.Policy) {
			r.Policy, r.Nice = unix.SCHED_NORMAL, 0
		}
	}
	return nil
}

const (
	schedDeadline        = 6 // SCHED_DEADLINE
	schedFlagResetOnFork = 1 // SCHED_FLAG_RESET_ON_FORK
)

// sched appends a thread's scheduling policy, priority and nice value.
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
	var flags uint64
	if policy&schedResetOnFork != 0 {
		flags = schedFlagResetOnFork
	}
	b := binary.LittleEndian.AppendUint32(nil, schedAttrSize)
	b = binary.LittleEndian.AppendUint32(b, policy&^schedResetOnFork)
	b = le(b, flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(nice))
	b = binary.LittleEndian.AppendUint32(b, prio)
	b = le(b, 0, 0, 0)
	switch policy &^ schedResetOnFork {
	case unix.SCHED_NORMAL, unix.SCHED_BATCH:
	default: // the kernel keeps a nice value under these, but takes it only under the two (kernel/sched/syscalls.c, __setscheduler_params)
		if nice != r.Nice {
			p.Call(arch.SysSetpriority, unix.PRIO_PROCESS, 0, nice)
		}
	}
	p.Call(arch.SysSchedSetattr, 0, p.Area.Bytes(b), 0)
}
