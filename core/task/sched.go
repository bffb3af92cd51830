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
	if NiceIsHidden(policy) {
		priority, err := unix.Getpriority(unix.PRIO_PROCESS, th.Tid)
		if err != nil {
			return fmt.Errorf("nice value: %w", err)
		}
		nice = int32(20 - priority) // the call itself returns no negative numbers
	}
	if le64(attr[8:])&schedFlagResetOnFork != 0 {
		policy |= schedResetOnFork
	}
	e.SchedPolicy, e.SchedNice = &policy, &nice
	return nil
}

// NiceIsHidden says that sched_getattr does not tell the nice value of a thread with that policy: it does without real-time ones
// (kernel/sched/syscalls.c, get_params).
func NiceIsHidden(policy uint32) bool {
	return policy == unix.SCHED_FIFO || policy == unix.SCHED_RR || policy == schedDeadline
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
	if policy&^schedResetOnFork == unix.SCHED_FIFO || policy&^schedResetOnFork == unix.SCHED_RR {
		// the kernel keeps a nice value under these, but takes it only under the others
		if nice != r.Nice {
			p.Call(arch.SysSetpriority, unix.PRIO_PROCESS, 0, nice)
		}
	}
	p.Call(arch.SysSchedSetattr, 0, p.Area.Bytes(b), 0)
}
