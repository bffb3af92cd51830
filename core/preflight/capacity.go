package preflight

import (
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/core/file"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// capacity looks whether an engine with the limits of this one could restore the tree: it has a descriptor for each open file above the highest
// number that any task uses (core/restore_fds.go, fdTable). Descriptors that dup(2) or fork(2) made are of one file, which takes time to tell, so
// it is told only where they would be too many. What may not be needed does not count: nothing is refused that can be restored.
func (s *scan) capacity() {
	base, most := uint64(3), uint64(0)
	highest := s.tasks[0]
	for _, t := range s.tasks {
		if n := len(t.fds); n > 0 && uint64(t.fds[n-1]) >= base {
			base, highest = uint64(t.fds[n-1])+1, t
		}
		most += uint64(len(t.fds))
	}
	const more = 512                                         // a generous guess at what others counts, but for what each task has
	if base+most+more+2*uint64(len(s.tasks)) <= s.maxFiles { // as nearly all trees: what it may be raised to is not asked
		return
	}
	limit := s.mayHave()
	files, others := s.distinct(), s.others()
	need := base + files + others
	if need <= limit {
		return
	}
	cause := fmt.Sprintf("may have %d descriptors, and a restore takes %d at least: one for each of %d open files and of %d that are mapped or the like, above "+
		"the highest number of the tree, %d (process %d)", limit, need, files, others, base-1, highest.pid)
	if !s.Ends {
		s.Log.Warn("woodfrog " + cause)
		return
	}
	s.add("woodfrog", cause, fmt.Sprintf("raise its hard limit for the dump and the restore (ulimit -Hn %d), give it CAP_SYS_RESOURCE, "+
		"or dump with --leave-running for one that may have more", need+need/16))
}

// distinct counts the open files of the tree that the engine of a restore opens.
func (s *scan) distinct() (n uint64) {
	type holder struct{ pid, fd int }
	met := map[string][]holder{} // in the kernel's order
	for _, t := range s.tasks {
		for i, fd := range t.fds {
			link := t.links[i]
			if link == "" || s.ofTree(link) { // those are opened by the tasks
				continue
			}
			at, known := slices.BinarySearchFunc(met[link], holder{t.pid, fd}, func(a, b holder) int {
				switch order, err := linux.KcmpFile(a.pid, b.pid, a.fd, b.fd); {
				case err != nil || order == 0: // what cannot be told does not count
					return 0
				case order == 1:
					return -1
				}
				return 1
			})
			if !known {
				met[link] = slices.Insert(met[link], at, holder{t.pid, fd})
				n++
			}
		}
	}
	return n
}

// others counts what else there is one of for each that the tree has: files that are mapped, working directories, the image of a task's pages.
func (s *scan) others() (n uint64) {
	paths := map[string]bool{}
	for _, t := range s.tasks {
		if t.zombie() {
			continue
		}
		n++
		maps, _ := t.proc.Maps() // one that has gone needs none
		for i := range maps {
			if _, path := file.KindOf(maps[i].Raw); path && !maps[i].Deleted {
				paths[maps[i].Raw] = true
			}
		}
		if cwd, err := t.proc.Link("cwd"); err == nil {
			paths[cwd] = true
		}
	}
	return n + uint64(len(paths)) + 1 // the stub's area
}

// mayHave is how many descriptors the engine of a restore may have that has the limits of this one: it raises what it may.
func mayHave() uint64 {
	most := uint64(unix.RLIM_INFINITY)
	if text, err := procfs.ReadSys(procfs.Root, "fs/nr_open"); err == nil {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			most = n
		}
	}
	var limit unix.Rlimit
	caps, err := linux.EffectiveCapabilities()
	if err != nil || caps>>unix.CAP_SYS_RESOURCE&1 != 0 || unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return most
	}
	return min(most, limit.Max)
}
