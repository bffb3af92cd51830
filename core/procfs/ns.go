package procfs

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// ObjectLink takes the target of a link apart that names an object by its inode: "mnt:[4026531841]", "pipe:[123]", "socket:[456]".
func ObjectLink(target string) (kind string, ino uint64, ok bool) {
	kind, rest, found := strings.Cut(target, ":[")
	digits, end := strings.CutSuffix(rest, "]")
	if !found || !end || kind == "" {
		return "", 0, false
	}
	ino, ok = number([]byte(digits), 10)
	if !ok {
		return "", 0, false
	}
	return kind, ino, true
}

// A Cgroup is a line of /proc/PID/cgroup (kernel/cgroup/cgroup.c, proc_cgroup_show; cgroups(7)).
type Cgroup struct {
	ID          int    // of the hierarchy; 0 is cgroup v2's
	Controllers string // separated by commas, empty for v2; "name=systemd" for a named hierarchy
	Path        string // relative to the root of the reader's cgroup namespace
	Deleted     bool   // the cgroup has been removed
}

// ParseCgroup parses /proc/PID/cgroup.
func ParseCgroup(b []byte) ([]Cgroup, error) {
	var groups []Cgroup
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		f := fields{rest: line}
		c := Cgroup{ID: int(f.value(f.until(':'), 10, math.MaxInt32)), Controllers: string(f.until(':'))}
		c.Path, c.Deleted = strings.CutSuffix(string(f.rest), DeletedSuffix)
		if f.err == nil && !strings.HasPrefix(c.Path, "/") {
			f.fail("path %q is not absolute", clip(f.rest))
		}
		if f.err != nil {
			return nil, lineError(n, f.err)
		}
		groups = append(groups, c)
	}
	return groups, nil
}

// IDMap is a line of /proc/PID/uid_map or gid_map (user_namespaces(7)).
type IDMap struct {
	Inside  uint32
	Outside uint32 // as the reader's user namespace sees it
	Count   uint32
}

// ParseIDMap parses /proc/PID/uid_map, gid_map and projid_map. A user namespace that has no map yet has no lines.
func ParseIDMap(b []byte) ([]IDMap, error) {
	var maps []IDMap
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		f := fields{rest: line}
		m := IDMap{f.dec32(), f.dec32(), f.dec32()}
		if f.err == nil && (m.Count == 0 || f.more()) {
			f.fail("bad map %q", clip(line))
		}
		if f.err != nil {
			return nil, lineError(n, f.err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}

// ParseChildren parses /proc/PID/task/TID/children (CONFIG_PROC_CHILDREN): PIDs, each with a blank after it.
func ParseChildren(b []byte) ([]int, error) {
	b, _ = cutTail(b)
	f := fields{rest: b}
	return f.pids(), f.err
}

// Syscall is /proc/PID/syscall (fs/proc/base.c, proc_pid_syscall; with CONFIG_HAVE_ARCH_TRACEHOOK). The numbers are those of the task's ABI.
type Syscall struct {
	Running bool // then the rest is zero
	Nr      int  // -1: blocked, but not in a system call
	Args    [6]uint64
	SP, PC  uint64
}

// ParseSyscall parses /proc/PID/syscall.
func ParseSyscall(b []byte) (Syscall, error) {
	b, _ = cutTail(b)
	if string(b) == "running" {
		return Syscall{Running: true}, nil
	}
	f := fields{rest: b}
	s := Syscall{Nr: f.sdec32()}
	if s.Nr != -1 {
		for i := range s.Args {
			s.Args[i] = f.hex0x()
		}
	}
	s.SP, s.PC = f.hex0x(), f.hex0x()
	if f.more() {
		f.fail("%q after the last field", clip(f.rest))
	}
	return s, f.err
}

func (f *fields) hex0x() uint64 {
	w := f.word()
	if f.err == nil && !bytes.HasPrefix(w, []byte("0x")) {
		f.fail("%q does not begin with 0x", clip(w))
		return 0
	}
	return f.value(bytes.TrimPrefix(w, []byte("0x")), 16, math.MaxUint64)
}

// ParseUint parses a file that holds one number in base 8, 10 or 16: loginuid, timerslack_ns, personality, coredump_filter.
func ParseUint(b []byte, base int) (uint64, error) {
	b, _ = cutTail(b)
	v, ok := number(b, uint64(base))
	if !ok {
		return 0, fmt.Errorf("bad number %q", clip(b))
	}
	return v, nil
}

// ParseInt parses a file that holds one signed decimal number: oom_score_adj.
func ParseInt(b []byte) (int, error) {
	b, _ = cutTail(b)
	f := fields{rest: b}
	v := f.sdec32()
	if f.more() {
		f.fail("%q after the number", clip(f.rest))
	}
	return v, f.err
}
