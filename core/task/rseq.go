package task

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
)

// Offsets in struct rseq and struct rseq_cs (include/uapi/linux/rseq.h).
const (
	rseqCs       = 8
	csStart      = 8
	csPostCommit = 16
	csSize       = 32
)

// collectRseq reads which critical section each thread has announced. The kernel forgets it as soon as the thread goes on outside of
// the section, which the stub is (kernel/rseq.c, rseq_ip_fixup).
func (t *Task) collectRseq() error {
	var users []*Thread
	for _, th := range t.Threads {
		if th.Rseq.Area != 0 {
			users = append(users, th)
		}
	}
	buf := make([]byte, 8*min(len(users), maxIovecs))
	for len(users) > 0 {
		part := users[:min(len(users), maxIovecs)]
		users = users[len(part):]
		remote := make([]unix.RemoteIovec, len(part))
		for i, th := range part {
			remote[i] = unix.RemoteIovec{Base: uintptr(th.Rseq.Area + rseqCs), Len: 8}
		}
		n, err := unix.ProcessVMReadv(t.Pid, []unix.Iovec{iovec(buf[:8*len(part)])}, remote, 0)
		if err != nil || n < 8 {
			return fmt.Errorf("task %d: thread %d: rseq area at %#x: %w", t.Pid, part[0].Tid, part[0].Rseq.Area, err)
		}
		for i, th := range part[:n/8] {
			th.RseqCS = le64(buf[8*i:])
		}
		users = append(part[n/8:], users...)
	}
	return nil
}

// inSection says whether the thread is in the critical section it has announced.
func (th *Thread) inSection() bool {
	if th.RseqCS == 0 {
		return false
	}
	var cs [csSize]byte
	if err := th.Task.readMemory(th.RseqCS, cs[:]); err != nil {
		return false
	}
	return th.Task.ABI.Regs.PC(th.GPR())-le64(cs[csStart:]) < le64(cs[csPostCommit:])
}

// rseqEntry is the image of a thread's registration.
func (th *Thread) rseqEntry() *image.RseqEntry {
	if th.Rseq.Area == 0 {
		return nil
	}
	e := &image.RseqEntry{RseqAbiPointer: th.Rseq.Area, RseqAbiSize: th.Rseq.Size, Signature: th.Rseq.Signature}
	if th.inSection() {
		e.RseqCsPointer = &th.RseqCS
	}
	return e
}

// setRseqCS announces the critical section at cs in the rseq area of a stopped thread: the kernel will see to its end.
func setRseqCS(tid int, area, cs uint64) error {
	b := binary.LittleEndian.AppendUint64(nil, cs)
	return copyTask(unix.ProcessVMWritev, tid, area+rseqCs, b)
}

// ReviveRseq puts a thread that has its registers back into its critical section. Nothing may run in it before it is let go.
func ReviveRseq(tid int, tc *image.ThreadCoreEntry) error {
	if tc == nil || tc.RseqEntry == nil || tc.RseqEntry.RseqCsPointer == nil || *tc.RseqEntry.RseqCsPointer == 0 {
		return nil
	}
	return setRseqCS(tid, tc.RseqEntry.RseqAbiPointer, *tc.RseqEntry.RseqCsPointer)
}
