package procfs

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/internal/buffers"
)

// Root is the usual mount of proc.
const Root = "/proc"

// Task reads the files of one task.
type Task struct {
	PID    int // the task's, or the thread's
	thread bool
	name   string
	src    source
	at     string // below src: "task/TID/" of a thread, "PID/" or "PID/task/TID/" in a Proc, or empty
}

// Open opens the directory of a task in proc, the path of a proc mount (Root).
// The descriptor goes on naming the same task: when that is gone, reads are ESRCH even if its PID is in use again.
func Open(proc string, pid int) (*Task, error) {
	name := proc + "/" + strconv.Itoa(pid)
	d, err := openDir(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Task{PID: pid, name: name, src: d}, nil
}

// Proc is a proc mount, of whose tasks files are read without a descriptor for each task.
type Proc struct {
	dir  *dir
	name string
}

// OpenProc opens a proc mount (Root).
func OpenProc(proc string) (*Proc, error) {
	d, err := openDir(proc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", proc, err)
	}
	return &Proc{d, proc}, nil
}

// Close closes the mount. The Tasks end with it.
func (p *Proc) Close() error { return p.dir.close() }

// Task reads the files of whoever has that PID at the time. It need not be closed.
func (p *Proc) Task(pid int) *Task {
	return &Task{PID: pid, name: p.name, src: lent{p.dir}, at: strconv.Itoa(pid) + "/"}
}

// lent is a directory that somebody else closes.
type lent struct{ *dir }

func (lent) close() error { return nil }

// Self reads the files of this process, whose PID that is and stays, without a descriptor. It need not be closed.
func Self(pid int) *Task {
	return &Task{PID: pid, name: Root, src: lent{&dir{unix.AT_FDCWD}}, at: Root + "/" + strconv.Itoa(pid) + "/"}
}

// OpenFS reads a recorded task from the directory that PID names in fsys.
func OpenFS(fsys fs.FS, pid int) *Task {
	return &Task{PID: pid, name: strconv.Itoa(pid), src: tree{fsys, strconv.Itoa(pid)}}
}

// Close closes the directory. The Tasks of its threads end with it.
func (t *Task) Close() error { return t.src.close() }

// Thread is the thread's files through the same directory. It is not closed by itself.
func (t *Task) Thread(tid int) *Task {
	return &Task{PID: tid, name: t.name, src: t.src, at: t.at + "task/" + strconv.Itoa(tid) + "/", thread: true}
}

func (t *Task) wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s/%s%s: %w", t.name, t.at, name, err)
}

// read reads a file and parses it.
func read[T any](t *Task, name string, e extent, parse func([]byte) (T, error)) (T, error) {
	buf := buffers.Get(0)
	defer buffers.Put(buf)
	b, err := t.src.readFile(t.at+name, *buf, e)
	if err != nil {
		var none T
		return none, t.wrap(name, err)
	}
	*buf = b
	v, err := parse(b)
	return v, t.wrap(name, err)
}

// Maps reads maps.
func (t *Task) Maps() ([]Map, error) { return read(t, "maps", records, ParseMaps) }

// Smaps reads smaps, which walks the page tables and costs far more than maps.
func (t *Task) Smaps() ([]Smap, error) {
	buf := buffers.Get(firstBuffer)
	defer buffers.Put(buf)
	var s smaps
	err := t.src.readLines(t.at+"smaps", buf, s.take)
	return s.areas, t.wrap("smaps", err)
}

// Stat reads stat.
func (t *Task) Stat() (Stat, error) { return read(t, "stat", single, ParseStat) }

// Status reads status.
func (t *Task) Status() (Status, error) { return read(t, "status", single, ParseStatus) }

// Limits reads limits.
func (t *Task) Limits() (Limits, error) { return read(t, "limits", single, ParseLimits) }

// Fdinfo reads fdinfo/FD.
func (t *Task) Fdinfo(fd int) (Fdinfo, error) {
	return read(t, "fdinfo/"+strconv.Itoa(fd), single, ParseFdinfo)
}

// Fds lists the descriptors, in order.
func (t *Task) Fds() ([]int, error) { return t.numbers("fd") }

// Threads lists the TIDs, in order.
func (t *Task) Threads() ([]int, error) { return t.numbers("task") }

// FdLink reads the link fd/FD as the kernel prints it: a path, "pipe:[123]", "anon_inode:[eventpoll]".
func (t *Task) FdLink(fd int) (string, error) { return t.Link("fd/" + strconv.Itoa(fd)) }

// Link reads a link: exe, cwd, root, map_files/START-END.
func (t *Task) Link(name string) (string, error) {
	target, err := t.src.readlink(t.at + name)
	// A task that goes between the look-up of a link and its reading is "permission denied" (fs/proc/base.c, proc_fd_access_allowed;
	// fs/proc/namespaces.c, proc_ns_readlink).
	if err == unix.EACCES {
		if _, e := t.src.lstat(t.at + "stat"); e != nil {
			err = unix.ESRCH
		}
	}
	return target, t.wrap(name, err)
}

func (t *Task) numbers(name string) ([]int, error) {
	names, err := t.src.list(t.at + name)
	if err != nil {
		return nil, t.wrap(name, err)
	}
	numbers := make([]int, 0, len(names))
	for _, s := range names {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, t.wrap(name, err)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, nil
}
