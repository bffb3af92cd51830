package procfs

import (
	"fmt"
	"strings"
)

// Timers reads timers.
func (t *Task) Timers() ([]Timer, error) { return read(t, "timers", records, ParseTimers) }

// Mountinfo reads mountinfo.
func (t *Task) Mountinfo() ([]Mount, error) { return read(t, "mountinfo", records, ParseMountinfo) }

// Children reads the children of a thread, the main thread's of a Task that is not a Thread.
func (t *Task) Children() ([]int, error) {
	name := "children"
	if !t.thread {
		name = fmt.Sprintf("task/%d/children", t.PID)
	}
	return read(t, name, records, ParseChildren)
}

// UIDMap reads uid_map.
func (t *Task) UIDMap() ([]IDMap, error) { return read(t, "uid_map", records, ParseIDMap) }

// GIDMap reads gid_map.
func (t *Task) GIDMap() ([]IDMap, error) { return read(t, "gid_map", records, ParseIDMap) }

// Cgroup reads cgroup.
func (t *Task) Cgroup() ([]Cgroup, error) { return read(t, "cgroup", single, ParseCgroup) }

// Syscall reads syscall.
func (t *Task) Syscall() (Syscall, error) { return read(t, "syscall", single, ParseSyscall) }

// Cmdline reads cmdline.
func (t *Task) Cmdline() ([]string, error) { return read(t, "cmdline", single, parseStrings) }

// Environ reads environ.
func (t *Task) Environ() ([]string, error) { return read(t, "environ", single, parseStrings) }

func parseStrings(b []byte) ([]string, error) { return ParseStrings(b), nil }

// Auxv reads auxv of a task with words of wordSize bytes.
func (t *Task) Auxv(wordSize int) ([]Auxv, error) {
	return read(t, "auxv", single, func(b []byte) ([]Auxv, error) { return ParseAuxv(b, wordSize) })
}

// Personality reads personality, PER_* and its flags.
func (t *Task) Personality() (uint32, error) { return readUint32(t, "personality", 16) }

// CoredumpFilter reads coredump_filter (core(5)).
func (t *Task) CoredumpFilter() (uint32, error) { return readUint32(t, "coredump_filter", 16) }

// Loginuid reads loginuid (CONFIG_AUDIT); all ones is unset.
func (t *Task) Loginuid() (uint32, error) { return readUint32(t, "loginuid", 10) }

// OOMScoreAdj reads oom_score_adj, -1000 to 1000.
func (t *Task) OOMScoreAdj() (int, error) { return read(t, "oom_score_adj", single, ParseInt) }

// TimerslackNs reads timerslack_ns, nanoseconds. It is there for whole tasks only, not below task/.
func (t *Task) TimerslackNs() (uint64, error) {
	return read(t, "timerslack_ns", single, func(b []byte) (uint64, error) { return ParseUint(b, 10) })
}

func readUint32(t *Task, name string, base int) (uint32, error) {
	return read(t, name, single, func(b []byte) (uint32, error) {
		v, err := ParseUint(b, base)
		if err == nil && v > 1<<32-1 {
			err = fmt.Errorf("%d is out of range", v)
		}
		return uint32(v), err
	})
}

// Ns reads the link ns/NAME: the namespace's inode. The kernel's name is that of the kind, "pid" for pid_for_children too.
func (t *Task) Ns(name string) (uint64, error) {
	target, err := t.Link("ns/" + name)
	if err != nil {
		return 0, err
	}
	_, ino, ok := ObjectLink(target)
	if !ok {
		return 0, t.wrap("ns/"+name, fmt.Errorf("%q names no namespace", target))
	}
	return ino, nil
}

// OpenFile opens a file of the task's directory for what is no text: pagemap, mem, map_files/START-END. O_CLOEXEC is added. The caller closes
// it.
func (t *Task) OpenFile(name string, flags int) (int, error) {
	fd, err := t.src.open(t.at+name, flags)
	return fd, t.wrap(name, err)
}

// ReadLocks reads PROC/locks.
func ReadLocks(proc string) ([]Lock, error) {
	b, err := readAt(proc, "locks", records)
	if err != nil {
		return nil, err
	}
	locks, err := ParseLocks(b)
	if err != nil {
		return nil, fmt.Errorf("%s/locks: %w", proc, err)
	}
	return locks, nil
}

// ReadSys reads PROC/sys/NAME without its newline.
func ReadSys(proc, name string) (string, error) {
	b, err := readAt(proc, "sys/"+name, records)
	return strings.TrimSuffix(string(b), "\n"), err
}

func readAt(proc, name string, e extent) ([]byte, error) {
	d, err := openDir(proc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", proc, err)
	}
	defer d.close()
	b, err := d.readFile(name, nil, e)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", proc, name, err)
	}
	return b, nil
}
