package preflight

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/file"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// areas looks at what t maps. What only smaps tells (sealed areas, those of drivers, userfaultfd) costs a walk over the page
// tables, which the dump makes once when the tree is stopped.
func (s *scan) areas(t *subject) {
	maps, err := t.proc.Maps()
	if err != nil {
		t.unreadable(err)
		return
	}
	for i := 0; i < len(maps); {
		first := &maps[i]
		n := 0
		for ; i < len(maps) && maps[i].Raw == first.Raw && maps[i].Inode == first.Inode; i++ {
			n++
		}
		if cause, remedy := s.area(t, first); cause != "" {
			t.addFile(first.Path, n, fmt.Sprintf("vma %x-%x", first.Start, first.End), cause, remedy)
		}
	}
}

func (s *scan) area(t *subject, m *procfs.Map) (cause, remedy string) {
	name := m.Raw
	switch {
	case name == "" || name[0] == '[' && name != "[uprobes]":
		return "", ""
	case name == "[uprobes]":
		return "a probe (uprobe) has mapped it", "detach the probes (perf, bpftrace) and restart the program"
	case name[0] == '/' && !m.Deleted && !strings.HasPrefix(name, "/dev/"):
		return "", ""
	}
	k, path := file.KindOf(name)
	if path && !m.Deleted {
		p := s.place(name)
		k = file.Kind{Name: "a file that woodfrog cannot reach"}
		if p.err == nil {
			k = file.KindOfPath(p.mode, p.rdev)
		}
	} else if path && s.there(t, m) {
		return "", ""
	}
	if k.Served == file.Always {
		return "", ""
	}
	return fmt.Sprintf("maps %s: %s: not served yet", m.Path, k.Name), k.Remedy
}

// there says that the file of an area that looks deleted has a name that ends so. File systems of several layers have maps show inodes of their own.
func (s *scan) there(t *subject, m *procfs.Map) bool {
	p := s.place(m.Path + procfs.DeletedSuffix)
	if p.err != nil || p.ino == m.Inode {
		return p.err == nil
	}
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("%s/%d/map_files/%x-%x", procfs.Root, t.pid, m.Start, m.End), &st)
	return err == nil && st.Ino == p.ino && uint64(st.Dev) == p.dev
}

// sharedMemory looks for tasks that share an address space and are not threads of one process (CLONE_VM without CLONE_THREAD).
// Only those whose address spaces look alike are compared, and each with a few: kcmp(2) gives an order.
func (s *scan) sharedMemory() {
	type layout struct{ code, stack, brk, args, env uint64 }
	alike := map[layout][]*subject{}
	for _, t := range s.tasks {
		if t.zombie() || t.stat.StartStack == 0 {
			continue
		}
		l := layout{t.stat.StartCode, t.stat.StartStack, t.stat.StartBrk, t.stat.ArgStart, t.stat.EnvStart}
		sorted := alike[l]
		lo, hi := 0, len(sorted)
		for lo < hi {
			mid := (lo + hi) / 2
			order, err := linux.Kcmp(t.pid, sorted[mid].pid, linux.KcmpVM, 0, 0)
			switch {
			case err != nil:
				return // a task that has gone, or a kernel without kcmp
			case order == 0:
				s.passing++
				t.add("memory", fmt.Sprintf("is that of process %d too, as after vfork or clone with CLONE_VM: not served yet", sorted[mid].pid),
					"dump it when it has executed its program")
				lo, hi = -1, -1
			case order == 1:
				hi = mid
			default:
				lo = mid + 1
			}
		}
		if lo >= 0 {
			sorted = append(sorted, nil)
			copy(sorted[lo+1:], sorted[lo:])
			sorted[lo] = t
			alike[l] = sorted
		}
	}
}
