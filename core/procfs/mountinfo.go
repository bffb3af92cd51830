package procfs

import (
	"bytes"
	"math"
)

// A Mount is a line of /proc/PID/mountinfo (fs/proc_namespace.c, show_mountinfo; proc_pid_mountinfo(5)). Escapes are undone. The kernel
// appends "//deleted" to a Root or MountPoint whose directory has been removed.
type Mount struct {
	ID, Parent    int
	Major, Minor  uint32
	Root          string // of the mount within its file system
	MountPoint    string // relative to the task's root
	Options       string // of the mount
	Shared        int    // peer group, 0 for none
	Master        int    // peer group that it is a slave of, 0 for none
	PropagateFrom int    // nearest dominant peer group under the task's root, 0 for none
	Unbindable    bool
	FSType        string // with the subtype: "fuse.sshfs"
	Source        string // may be empty
	SuperOptions  string
}

// ParseMountinfo parses /proc/PID/mountinfo.
func ParseMountinfo(b []byte) ([]Mount, error) {
	var mounts []Mount
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		m, err := parseMount(line)
		if err != nil {
			return nil, lineError(n, err)
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func parseMount(line []byte) (Mount, error) {
	f := fields{rest: line}
	m := Mount{ID: f.sdec32(), Parent: f.sdec32()}
	m.Major = uint32(f.value(f.until(':'), 10, math.MaxUint32))
	m.Minor = f.dec32()
	f.rest = skipBlanks(f.rest)
	m.Root, m.MountPoint = unescape(f.cell()), unescape(f.cell())
	m.Options = unescape(f.cell())
	for f.err == nil {
		tag := f.cell()
		if string(tag) == "-" {
			break
		}
		m.optional(&f, tag)
	}
	m.FSType, m.Source = unescape(f.cell()), unescape(f.cell())
	m.SuperOptions = unescape(f.rest)
	return m, f.err
}

// optional takes an optional field; unknown ones are skipped.
func (m *Mount) optional(f *fields, tag []byte) {
	key, value, _ := bytes.Cut(tag, []byte{':'})
	group := func() int { return int(f.value(value, 10, math.MaxInt32)) }
	switch string(key) {
	case "shared":
		m.Shared = group()
	case "master":
		m.Master = group()
	case "propagate_from":
		m.PropagateFrom = group()
	case "unbindable":
		m.Unbindable = true
	}
}

// cell takes what stands before the next blank, nothing if two blanks follow each other: a mount's source may be empty.
func (f *fields) cell() []byte {
	f.n++
	i := bytes.IndexByte(f.rest, ' ')
	if i < 0 {
		f.fail("missing")
		return nil
	}
	w := f.rest[:i]
	f.rest = f.rest[i+1:]
	return w
}
