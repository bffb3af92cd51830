package procfs

import (
	"bytes"
	"strings"
)

// A Map is a line of /proc/PID/maps (fs/proc/task_mmu.c, show_map_vma).
type Map struct {
	Start, End uint64
	Prot       uint32 // PROT_READ, PROT_WRITE, PROT_EXEC
	Shared     bool   // VM_MAYSHARE; else the area is private
	Offset     uint64 // into the file, in bytes
	Major      uint32
	Minor      uint32
	Inode      uint64

	// Path is the file's name with escapes undone and without " (deleted)", or a name in brackets, or empty.
	// The kernel escapes a newline but not a backslash: a file whose name really holds \012 reads wrong here, and only here.
	Path    string
	Raw     string // the same as the kernel wrote it
	Deleted bool

	// AnonName is the name that a program gave to anonymous memory (PR_SET_VMA_ANON_NAME, since 5.17; of shared memory since 6.2). Path and
	// Raw are then what they would be without.
	AnonName string `json:",omitempty"`
}

// Size is the area's length in bytes.
func (m *Map) Size() uint64 { return m.End - m.Start }

// The bits of Map.Prot, the same on every architecture (include/uapi/asm-generic/mman-common.h).
const (
	ProtRead  = 1
	ProtWrite = 2
	ProtExec  = 4
)

// DeletedSuffix is what the kernel puts after the path of a file that has none any more (fs/d_path.c).
const DeletedSuffix = " (deleted)"

// ParseMaps parses /proc/PID/maps.
func ParseMaps(b []byte) ([]Map, error) {
	if len(b) == 0 {
		return nil, nil
	}
	maps := make([]Map, 0, 1+len(b)/80)
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		var last *Map
		if len(maps) > 0 {
			last = &maps[len(maps)-1]
		}
		m, err := parseMap(line, last)
		if err != nil {
			return nil, lineError(n, err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}

// parseMap parses one line. A file's areas follow each other, so the strings of the area before are used again when the name is the same.
func parseMap(line []byte, last *Map) (Map, error) {
	f := fields{rest: line}
	m := Map{Start: f.hexUntil('-'), End: f.hexUntil(' ')}
	perms := f.word()
	m.Offset = f.hex()
	m.Major, m.Minor = f.hex32Until(':'), f.hex32Until(' ')
	m.Inode = f.dec()
	if f.err == nil && (len(perms) != 4 || m.End <= m.Start) {
		f.fail("bad area or permissions %q", clip(line))
	}
	if f.err != nil {
		return m, f.err
	}
	if perms[0] == 'r' {
		m.Prot |= ProtRead
	}
	if perms[1] == 'w' {
		m.Prot |= ProtWrite
	}
	if perms[2] == 'x' {
		m.Prot |= ProtExec
	}
	m.Shared = perms[3] == 's'
	m.setPath(skipPad(f.rest), last)
	return m, nil
}

// skipPad drops the blanks that pad the name to its column; the name itself may begin with a blank only if it is no path.
func skipPad(b []byte) []byte { return bytes.TrimLeft(b, " ") }

func (m *Map) setPath(raw []byte, last *Map) {
	if len(raw) == 0 {
		return
	}
	if last != nil && last.Raw == string(raw) {
		m.Path, m.Raw, m.Deleted = last.Path, last.Raw, last.Deleted
		return
	}
	if name, ok := anonName(string(raw)); ok {
		m.AnonName, raw = name, nil
		if m.Shared {
			raw = []byte("/dev/zero" + DeletedSuffix)
		}
	}
	m.Raw = string(raw)
	m.Path = m.Raw
	if bytes.IndexByte(raw, '\\') >= 0 {
		m.Path = strings.ReplaceAll(m.Raw, `\012`, "\n")
	}
	// An anonymous area's name ends in a bracket, so only files can end so. Not by the inode: that of SysV segment 0 is 0.
	if strings.HasSuffix(m.Path, DeletedSuffix) {
		m.Path, m.Deleted = m.Path[:len(m.Path)-len(DeletedSuffix)], true
	}
}

// anonName takes the name out of what the kernel prints for named memory (fs/proc/task_mmu.c, get_vma_name).
func anonName(raw string) (name string, ok bool) {
	for _, kind := range []string{"[anon:", "[anon_shmem:"} {
		if name, ok := strings.CutPrefix(raw, kind); ok && strings.HasSuffix(name, "]") {
			return name[:len(name)-1], true
		}
	}
	return "", false
}
