package task

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/ptrace"
	"woodfrog/core/stub"
)

// A refuge is a signal frame in the task's own memory, for the calls by hand that are made while the stub's area is not, or no
// longer, there. Should the engine be killed in the middle of one, the task returns from it to code that makes the call
// rt_sigreturn with this frame, and goes on as it was. The frame lies at the low end of the main stack, which is dead memory
// for any program: below every stack pointer. What was there is put back.
type refuge struct {
	insn      uint64 // system call instruction and a plain return
	sigreturn uint64
	at, sp    uint64 // the block, and the stack pointer to return with
	frame     []byte
	saved     []byte
	untouched bool // there was no page
}

const (
	frameRoom    = 16 << 10 // bytes, larger than any frame
	searchChunk  = 64 << 10
	searchBudget = 8 << 20 // bytes of code that are searched at most for one pattern
)

// refugeRoom is taken twice from the stack's low end, bytes: for a signal that is handled on the way out, and above that the refuge.
var refugeRoom = uint64(max(frameRoom, os.Getpagesize()))

// newRefuge returns nil where the task has no place for one: then its calls by hand are unguarded.
func (t *Task) newRefuge(codes codeCache) *refuge {
	code, leader := &t.ABI.Stub, t.Leader()
	if code.CallReturn == nil {
		return nil
	}
	stack := slices.IndexFunc(t.Areas, func(m procfs.Smap) bool { return m.Path == "[stack]" })
	if stack < 0 {
		return nil
	}
	m, sp := &t.Areas[stack], t.ABI.Regs.SP(leader.GPR())
	if m.Size() < 4*refugeRoom || m.Prot&procfs.ProtWrite == 0 || m.Start <= sp && sp < m.Start+2*refugeRoom {
		return nil
	}
	r := &refuge{at: m.Start + refugeRoom}
	var ok bool
	if r.insn, ok = codes.search(t, "call", code.CallReturn); !ok {
		return nil
	}
	if r.sigreturn, ok = codes.search(t, "sigreturn", code.Sigreturn); !ok {
		return nil
	}
	r.frame, r.sp = t.ABI.Regs.Sigframe(nil, leader.Regs, t.Xstate, leader.Sigmask, r.at)
	r.frame = append(r.frame, refugeMark(r.sp)...)
	if len(r.frame) > frameRoom {
		return nil
	}
	word := uint64(t.ABI.WordSize())
	copy(r.frame[r.sp-word-r.at:], t.ABI.Struct().Word(r.sigreturn).Bytes())
	r.saved = make([]byte, len(r.frame))
	r.untouched = !m.Flags.Has(procfs.VmLocked) && r.isUntouched(t) // madvise(2): MADV_DONTNEED takes no locked ones away
	if err := t.readMemory(r.at, r.saved); err != nil {
		return nil
	}
	return r
}

// refugeMark lies behind the frame, by which the next engine tells a leader that is in a refuge, one of those stack pointers, from
// one whose own stack is that deep.
func refugeMark(sp uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("the frame above is woodfrog's, stack pointer:"), sp)
}

// inRefuge says whether a leader with stack pointer sp is in the refuge of an engine that was killed: about to make rt_sigreturn, or
// to return to that.
func (t *Task) inRefuge(sp uint64) bool {
	i := slices.IndexFunc(t.Areas, func(m procfs.Smap) bool { return m.Path == "[stack]" })
	if i < 0 || sp < t.Areas[i].Start || sp >= t.Areas[i].Start+2*refugeRoom || t.Areas[i].Size() < 4*refugeRoom {
		return false
	}
	block := make([]byte, frameRoom)
	if err := t.readMemory(t.Areas[i].Start+refugeRoom, block); err != nil {
		return false
	}
	probe := make([]byte, t.ABI.RegSets[0].Size)
	t.ABI.Regs.SetReturnTo(probe, 0, sp)
	popped := sp - t.ABI.Regs.SP(probe)
	return bytes.Contains(block, refugeMark(sp)) || bytes.Contains(block, refugeMark(sp+popped))
}

// enter puts the frame in place and the stopped leader onto it: from here on it may be let go at any moment.
func (r *refuge) enter(th *Thread) error {
	if err := copyTask(unix.ProcessVMWritev, th.Tid, r.at, r.frame); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	gpr := bytes.Clone(th.GPR())
	th.Task.ABI.Regs.SetReturn(gpr, r.sigreturn, r.sp)
	return ptrace.SetRegisters(th.Tid, th.Task.ABI.RegSets[0], gpr)
}

// wipe puts back what was there.
func (r *refuge) wipe(pid int) error { return copyTask(unix.ProcessVMWritev, pid, r.at, r.saved) }

// forget appends to the leader's program that the pages go if they were not there before: then there is nothing to put back, and nothing to dump.
func (r *refuge) forget(p *stub.Program) {
	if r.untouched {
		p.Call(arch.SysMadvise, r.at, r.pages(), unix.MADV_DONTNEED)
	}
}

// pages is the size of the whole pages that the frame takes, bytes.
func (r *refuge) pages() int {
	page := os.Getpagesize()
	return (len(r.frame) + page - 1) &^ (page - 1)
}

// isUntouched says that the pages of the refuge were never written.
func (r *refuge) isUntouched(t *Task) bool {
	entries := pageEntries(t.Pid, r.at, r.at+uint64(r.pages()))
	return len(entries)*os.Getpagesize() == r.pages() &&
		!slices.ContainsFunc(entries, func(e procfs.PageEntry) bool { return e.Present() || e.Swapped() })
}

// codeCache remembers where in an area a piece of code was found, for the next task with the same area.
type codeCache map[codeKey]uint64

type codeKey struct {
	abi          *arch.ABI
	what         string
	path         string
	major, minor uint32
	inode        uint64
	offset       uint64
}

// search is searchAll, once for each area that tasks have in common.
func (c codeCache) search(t *Task, what string, find func(code []byte) int) (uint64, bool) {
	key := func(m *procfs.Smap) codeKey { return codeKey{t.ABI, what, m.Path, m.Major, m.Minor, m.Inode, m.Offset} }
	for i := range t.Areas {
		m := &t.Areas[i]
		if off, ok := c[key(m)]; ok && m.Prot&procfs.ProtExec != 0 && off < m.Size() {
			return m.Start + off, true
		}
	}
	at, ok := t.searchAll(find)
	if m := t.areaAt(at); ok && m != nil && m.Path != "" {
		c[key(m)] = at - m.Start
	}
	return at, ok
}

// searchAll looks for code: in the vDSO, in libraries that hold a C library, in the rest.
func (t *Task) searchAll(find func(code []byte) int) (uint64, bool) {
	budget := searchBudget
	buf := make([]byte, searchChunk)
	for rank := range 3 {
		for i := range t.Areas {
			m := &t.Areas[i]
			if m.Prot&procfs.ProtExec == 0 || m.Path == "[vsyscall]" || codeRank(m.Path) != rank {
				continue
			}
			if at, ok := t.searchCode(m, find, buf, &budget); ok {
				return at, true
			}
		}
	}
	return 0, false
}

func codeRank(path string) int {
	base := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case path == "[vdso]":
		return 0
	case strings.HasPrefix(base, "libc.") || strings.HasPrefix(base, "libc-") || strings.HasPrefix(base, "ld-musl"):
		return 1
	}
	return 2
}

// searchCode looks for code in one area, in pieces that overlap a little.
func (t *Task) searchCode(m *procfs.Smap, find func(code []byte) int, buf []byte, budget *int) (uint64, bool) {
	const overlap = 64
	for at := m.Start; at < m.End && *budget > 0; {
		part := buf[:min(m.End-at, searchChunk)]
		*budget -= len(part)
		n, err := unix.ProcessVMReadv(t.Pid, []unix.Iovec{iovec(part)}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(part)}}, 0)
		if err != nil {
			return 0, false
		}
		if i := find(part[:n]); i >= 0 {
			return at + uint64(i), true
		}
		if n <= overlap || at+uint64(n) >= m.End {
			return 0, false
		}
		at += uint64(n - overlap)
	}
	return 0, false
}

// FindSyscall finds a system call instruction in the task's own code.
func (t *Task) FindSyscall() (uint64, error) {
	insn, ok := t.searchAll(t.ABI.Stub.Syscall)
	if !ok {
		return 0, fmt.Errorf("task %d: no system call instruction in its code", t.Pid)
	}
	return insn, nil
}

// leftovers finds the areas that a killed engine left behind: what is mapped from the same file as the stub's code, and last the
// code, by which they are known, should this engine be killed as well.
func (t *Task) leftovers() []procfs.Smap {
	var left []procfs.Smap
	for _, m := range t.Areas {
		if !m.Shared || !m.Deleted || m.Prot != procfs.ProtRead|procfs.ProtExec || m.Path != "/dev/zero" || !t.holdsStub(&m) {
			continue
		}
		for _, n := range t.Areas {
			if n.Start != m.Start && n.Shared && n.Inode == m.Inode && n.Major == m.Major && n.Minor == m.Minor {
				left = append(left, n)
			}
		}
		left = append(left, m)
	}
	return left
}

// holdsStub says whether shared anonymous memory begins with the stub's code. Of an engine that was killed before it could
// write that there is an area of cageFlags with nothing in it.
func (t *Task) holdsStub(m *procfs.Smap) bool {
	code := t.ABI.Stub.Code
	head := make([]byte, len(code))
	if err := t.readMemory(m.Start, head); err != nil {
		return false
	}
	blank := m.Flags.Has(procfs.VmNoReserve) && bytes.Equal(head, make([]byte, len(head)))
	return blank || bytes.Equal(head, code)
}
