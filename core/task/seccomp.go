package task

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/stub"
	"woodfrog/internal/linux"
)

// Modes of seccomp, as /proc/PID/status and the image number them (include/uapi/linux/seccomp.h).
const (
	seccompStrict = unix.SECCOMP_MODE_STRICT
	seccompFilter = unix.SECCOMP_MODE_FILTER
)

// Filter is one program of a thread's chain.
type Filter struct {
	Program []byte // struct sock_filter each
	Flags   uint32 // SECCOMP_FILTER_FLAG_*, those that the kernel tells
}

// options are those that the thread is traced with.
func (th *Thread) options() uintptr {
	if th.Status.Seccomp.Value != 0 {
		return seizeOptions | unix.PTRACE_O_SUSPEND_SECCOMP
	}
	return seizeOptions
}

// collectSeccomp reads the filters of a stopped thread and suspends them: what the stub calls in its name is not the thread's doing.
// The kernel does that for tracers with CAP_SYS_ADMIN that are unfiltered themselves (kernel/ptrace.c, check_ptrace_options).
func (th *Thread) collectSeccomp() error {
	mode := th.Status.Seccomp.Value
	if mode == 0 {
		return nil
	}
	if err := linux.SetOptions(th.Tid, th.options()); err != nil {
		return fmt.Errorf("suspend: %w", err)
	}
	if mode != seccompFilter {
		return nil
	}
	for i := 0; ; i++ {
		insns, err := linux.SeccompFilter(th.Tid, i)
		if err == unix.ENOENT {
			break
		}
		if err != nil {
			return fmt.Errorf("filter %d: %w", i, err)
		}
		f := Filter{}
		for _, insn := range insns {
			f.Program = binary.LittleEndian.AppendUint16(f.Program, insn.Code)
			f.Program = append(f.Program, insn.Jt, insn.Jf)
			f.Program = binary.LittleEndian.AppendUint32(f.Program, insn.K)
		}
		flags, err := linux.SeccompFilterFlags(th.Tid, i)
		if err != nil && !errors.Is(err, unix.EIO) { // before Linux 4.14
			return fmt.Errorf("flags of filter %d: %w", i, err)
		}
		f.Flags = uint32(flags)
		th.Filters = append(th.Filters, f)
	}
	slices.Reverse(th.Filters) // the kernel counts from the newest
	return nil
}

// FilterTable collects the filters of a tree: chains that are equal share their entries.
type FilterTable struct {
	Entries []*image.SeccompFilter
	index   map[filterKey]uint32
}

type filterKey struct {
	program string
	flags   uint32
	prev    int64
}

// Add returns the index of the last of the filters, which are not none.
func (ft *FilterTable) Add(filters []Filter) uint32 {
	if ft.index == nil {
		ft.index = map[filterKey]uint32{}
	}
	at := int64(-1)
	for _, f := range filters {
		k := filterKey{string(f.Program), f.Flags, at}
		i, ok := ft.index[k]
		if !ok {
			i = uint32(len(ft.Entries))
			e := &image.SeccompFilter{Filter: f.Program, Flags: &f.Flags}
			if at >= 0 {
				prev := uint32(at)
				e.Prev = &prev
			}
			ft.Entries = append(ft.Entries, e)
			ft.index[k] = i
		}
		at = int64(i)
	}
	return uint32(at)
}

const filterFlagTsync = unix.SECCOMP_FILTER_FLAG_TSYNC

// Seccomp puts the modes and filters of all threads of t into their cores. Whether threads share their filters, as they must for a
// later SECCOMP_FILTER_FLAG_TSYNC to work, the kernel does not tell. If all have equal ones the leader's are marked so that it gives
// them to all, which is also how CRIU does it.
func (ft *FilterTable) Seccomp(t *Task, cores map[*Thread]*image.CoreEntry) {
	leader := t.Leader()
	same := len(leader.Filters) > 0
	for _, th := range t.Threads {
		same = same && slices.EqualFunc(th.Filters, leader.Filters, equalFilters)
	}
	for i, th := range t.Threads {
		mode := image.SeccompMode(th.Status.Seccomp.Value)
		if mode == 0 || same && i > 0 {
			continue
		}
		tc := cores[th].ThreadCore
		tc.SeccompMode = &mode
		if mode == seccompFilter {
			filters := slices.Clone(th.Filters)
			for k := range filters {
				if same {
					filters[k].Flags |= filterFlagTsync
				}
			}
			at := ft.Add(filters)
			tc.SeccompFilter = &at
		}
	}
}

func equalFilters(a, b Filter) bool {
	return a.Flags == b.Flags && string(a.Program) == string(b.Program)
}

// chain is the filters that end at index i, the oldest first.
func chain(all []*image.SeccompFilter, i uint32) ([]uint32, error) {
	var list []uint32
	for {
		if int64(i) >= int64(len(all)) || len(list) > len(all) {
			return nil, fmt.Errorf("seccomp.img: filter %d: %d are there", i, len(all))
		}
		list = append(list, i)
		if all[i].Prev == nil {
			slices.Reverse(list)
			return list, nil
		}
		i = *all[i].Prev
	}
}

// Filtered says whether a thread of the image runs under seccomp.
func Filtered(c *image.CoreEntry) bool {
	return c.ThreadCore != nil && c.ThreadCore.SeccompMode != nil && *c.ThreadCore.SeccompMode != 0
}

// seccompPlan is the installing of a task's filters: those that all its threads begin with by the leader, for all.
type seccompPlan struct {
	all    []*image.SeccompFilter
	chains [][]uint32 // of each thread
	common int        // of each chain
	synced stub.Data  // 1 when the common ones are there
}

// planSeccomp finds out what the threads of a task have in common.
func planSeccomp(area *stub.Area, threads []*image.CoreEntry, all []*image.SeccompFilter) (*seccompPlan, error) {
	p := &seccompPlan{all: all, chains: make([][]uint32, len(threads))}
	for i, c := range threads {
		if !Filtered(c) || *c.ThreadCore.SeccompMode != seccompFilter {
			continue
		}
		if c.ThreadCore.SeccompFilter == nil {
			return nil, errors.New("thread_core.seccomp_filter: missing")
		}
		var err error
		if p.chains[i], err = chain(all, *c.ThreadCore.SeccompFilter); err != nil {
			return nil, err
		}
	}
	if len(threads) > 1 {
		p.common = len(p.chains[0])
		for _, c := range p.chains[1:] {
			n := 0
			for n < p.common && n < len(c) && c[n] == p.chains[0][n] {
				n++
			}
			p.common = n
		}
	}
	if p.common > 0 {
		p.synced = area.Word()
	}
	return p, nil
}

// revive appends what makes thread i run under seccomp. Filters want CAP_SYS_ADMIN, so it comes before the credentials; the tracer has
// suspended them by then.
func (sp *seccompPlan) revive(p *stub.Program, i int, c *image.CoreEntry) {
	if i == 0 {
		for k, f := range sp.chains[0] {
			var flags uint32
			if k < sp.common {
				flags = filterFlagTsync
			}
			sp.install(p, f, flags)
			if k == sp.common-1 {
				p.Signal(sp.synced)
			}
		}
	} else {
		if sp.common > 0 {
			p.Wait(sp.synced, 1)
		}
		for _, f := range sp.chains[i][sp.common:] {
			sp.install(p, f, 0)
		}
	}
	if Filtered(c) && *c.ThreadCore.SeccompMode == seccompStrict {
		p.Call(arch.SysSeccomp, unix.SECCOMP_SET_MODE_STRICT, 0, 0)
	}
}

func (sp *seccompPlan) install(p *stub.Program, i, flags uint32) {
	f := sp.all[i]
	if f.Flags != nil {
		flags |= *f.Flags
	}
	prog := p.Area.Bytes(f.Filter)
	fprog := p.ABI().Struct().U16(uint16(len(f.Filter) / 8)).Word(prog.Addr()) // struct sock_fprog
	p.Call(arch.SysSeccomp, unix.SECCOMP_SET_MODE_FILTER, flags, p.Area.Bytes(fprog.Bytes())).Note("filter %d", i)
}
