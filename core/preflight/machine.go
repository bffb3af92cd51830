package preflight

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
)

// needed are the features without which no task is dumped. They cost a system call each.
var needed = []kerndat.Feature{kerndat.CheckpointRestore, kerndat.Kcmp, kerndat.Pagemap}

// NoProc is the obstacle of an engine that does not find itself in /proc.
var NoProc = Obstacle{
	Thing: "/proc", Cause: "it is not mounted, or shows another PID namespace than woodfrog's",
	Remedy: "mount -t proc proc /proc in the PID namespace that woodfrog runs in",
}

// machine looks at what the dump needs whatever the tree is.
func (s *scan) machine() {
	for _, f := range needed {
		if err := s.Facts.Demand(f); err != nil {
			s.add("kernel", err.Error(), "woodfrog check tells what this kernel lacks")
		}
	}
	if !mayMap() {
		s.add("woodfrog", "may not open what processes have mapped: it lacks CAP_CHECKPOINT_RESTORE", grant)
	}
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY}
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	s.maxFiles = limit.Cur
	if _, err := os.Stat(procfs.Root + "/self/task"); err != nil {
		s.found = append(s.found, NoProc)
	}
	if err := unix.Access(s.ImagesDir+"/.", unix.W_OK|unix.X_OK); err != nil {
		remedy := "choose another directory with --images-dir"
		if errors.Is(err, unix.ENOENT) {
			remedy = "make it: mkdir -p " + s.ImagesDir
		}
		s.add("images "+s.ImagesDir, err.Error(), remedy)
	}
	var st unix.Statfs_t
	if unix.Statfs(s.ImagesDir, &st) == nil && slices.Contains(noFiles, int64(st.Type)) {
		s.add("images "+s.ImagesDir, "is in a file system of the kernel's own, that takes no files", "choose another directory with --images-dir")
	}
}

// noFiles are the file systems in which nobody can make a file (include/uapi/linux/magic.h).
var noFiles = []int64{unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC}

// room: space for the images.
func (s *scan) room() {
	var st unix.Statfs_t
	if unix.Statfs(s.ImagesDir, &st) == nil && st.Blocks != 0 {
		free := st.Bavail * uint64(st.Bsize)
		// Tasks may share pages, which are stored once: only what one of them has is sure to be written.
		for _, t := range s.tasks {
			if need := t.status.RssAnon.Value; need > free {
				t.add("memory", fmt.Sprintf("%s of it have to be stored, and images %s has %s left", size(need), s.ImagesDir, size(free)),
					"choose a directory with more room with --images-dir")
			}
		}
	}
}

// descriptorsLeft says whether the engine may open what a dump of the tasks takes, as far as they are known.
func (s *scan) descriptorsLeft() bool {
	if need := uint64(fdsOfEngine + fdsPerTask*max(1, len(s.tasks))); need > s.maxFiles {
		s.add("woodfrog", fmt.Sprintf("may open %d files, and a tree of %d tasks or more takes %d", s.maxFiles, max(1, len(s.tasks)), need),
			"raise the limit before the dump: ulimit -n 65536")
		return false
	}
	return true
}

// What a dump keeps open: of each task its /proc and the stub's memory.
const (
	fdsOfEngine = 64 // half of them read and not closed yet
	fdsPerTask  = 2
)

func size(n uint64) string {
	for _, u := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n>>u.shift >= 10 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// cgroups: a frozen cgroup keeps the stub from running.
func (s *scan) cgroups(t *subject) {
	groups, err := t.proc.Cgroup()
	if err != nil {
		return // without cgroups in the kernel
	}
	for _, g := range groups {
		file, frozen := "", ""
		switch {
		case g.ID == 0:
			file, frozen = "cgroup.freeze", "1"
		case strings.Contains(","+g.Controllers+",", ",freezer,"):
			file, frozen = "freezer.state", "FROZEN"
		default:
			continue
		}
		if g.Path == "/" {
			continue // has no such file
		}
		path := cgroupMount(g) + g.Path
		for ; path != cgroupMount(g); path = path[:strings.LastIndexByte(path, '/')] {
			state := s.cgroupState(path, file)
			if state == frozen {
				t.add("cgroup "+g.Path, "is frozen", thaw(path, file))
				return
			}
		}
	}
}

func (s *scan) cgroupState(path, file string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, known := s.frozen[path]
	if !known {
		b, _ := os.ReadFile(path + "/" + file) // a cgroup that is not mounted freezes nobody that could be told
		state = strings.TrimSpace(string(b))
		if s.frozen == nil {
			s.frozen = map[string]string{}
		}
		s.frozen[path] = state
	}
	return state
}

// cgroupMount is where hierarchies are mounted (systemd, Debian's cgroupfs-mount; cgroups(7)).
func cgroupMount(g procfs.Cgroup) string {
	const root = "/sys/fs/cgroup"
	if g.ID != 0 {
		return root + "/" + g.Controllers
	}
	if _, err := os.Stat(root + "/cgroup.controllers"); err != nil {
		return root + "/unified"
	}
	return root
}

func thaw(path, file string) string {
	if file == "freezer.state" {
		return fmt.Sprintf("thaw it: echo THAWED > %s/%s", path, file)
	}
	return fmt.Sprintf("thaw it: echo 0 > %s/%s", path, file)
}
