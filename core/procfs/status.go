package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// Status is /proc/PID/status (fs/proc/array.c, proc_pid_status). What a kernel, its configuration or a zombie does not print is absent or
// nil. Numbers of tasks are those of the PID namespace of the proc mount; the NS lists go from there inwards.
type Status struct {
	Name      string // escapes undone
	Umask     Maybe[uint32]
	State     byte
	Tgid      int
	PID       int
	PPID      int
	TracerPID int
	UID       [4]uint32 // real, effective, saved, file system; as the reader's user namespace maps them
	GID       [4]uint32
	FDSize    int
	Groups    []uint32
	NStgid    []int
	NSpid     []int
	NSpgid    []int
	NSsid     []int
	Kthread   Maybe[bool]

	VmLck       Maybe[uint64] // bytes; absent without an address space
	VmRSS       Maybe[uint64] // bytes
	RssAnon     Maybe[uint64] // bytes; absent without an address space, since 4.5
	CoreDumping Maybe[bool]   // absent without an address space
	THPEnabled  Maybe[bool]   // absent without an address space

	Threads   int
	SigQueued uint64 // of the user, not of the task
	SigLimit  uint64 // RLIMIT_SIGPENDING
	SigPnd    uint64 // signal n is bit n-1
	ShdPnd    uint64
	SigBlk    uint64
	SigIgn    uint64
	SigCgt    uint64

	CapInh, CapPrm, CapEff, CapBnd, CapAmb uint64

	CPUs string // that it may run on, a mask as the kernel prints it

	NoNewPrivs     bool
	Seccomp        Maybe[int] // SECCOMP_MODE_*; absent without CONFIG_SECCOMP
	SeccompFilters Maybe[int] // since 5.9

	X86ThreadFeatures       []string // "shstk", "wrss"; since 6.6
	X86ThreadFeaturesLocked []string
}

// ParseStatus parses /proc/PID/status and /proc/PID/task/TID/status. Lines with other keys are skipped.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	var line []byte
	named := false
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		key, value, ok := cutKey(line)
		if !ok {
			return s, lineError(n, fmt.Errorf("no key in %q", clip(line)))
		}
		if n == 1 {
			named = string(key) == "Name"
			s.Name = unescapeName(line[len(key)+1:])
			continue
		}
		if err := s.parseLine(key, value); err != nil {
			return s, lineError(n, wrapKey(key, err))
		}
	}
	if !named || s.PID == 0 || s.State == 0 {
		return s, errors.New("no line Name, State or Pid")
	}
	return s, nil
}

func (s *Status) parseLine(key, value []byte) error {
	f := fields{rest: value}
	switch string(key) {
	case "Umask":
		s.Umask = Some(f.oct32())
	case "State":
		if w := f.word(); len(w) == 1 {
			s.State = w[0]
		} else {
			f.fail("%q is not a letter", clip(w))
		}
	case "Tgid":
		s.Tgid = f.sdec32()
	case "Pid":
		s.PID = f.sdec32()
	case "PPid":
		s.PPID = f.sdec32()
	case "TracerPid":
		s.TracerPID = f.sdec32()
	case "Uid":
		s.UID = [4]uint32{f.dec32(), f.dec32(), f.dec32(), f.dec32()}
	case "Gid":
		s.GID = [4]uint32{f.dec32(), f.dec32(), f.dec32(), f.dec32()}
	case "FDSize":
		s.FDSize = f.sdec32()
	case "Groups":
		for f.more() {
			s.Groups = append(s.Groups, f.dec32())
		}
	case "NStgid":
		s.NStgid = f.pids()
	case "NSpid":
		s.NSpid = f.pids()
	case "NSpgid":
		s.NSpgid = f.pids()
	case "NSsid":
		s.NSsid = f.pids()
	case "Kthread":
		s.Kthread = Some(f.dec32() != 0)
	case "VmLck":
		s.VmLck = Some(f.kilobytes())
	case "VmRSS":
		s.VmRSS = Some(f.kilobytes())
	case "RssAnon":
		s.RssAnon = Some(f.kilobytes())
	case "CoreDumping":
		s.CoreDumping = Some(f.dec32() != 0)
	case "THP_enabled":
		s.THPEnabled = Some(f.dec32() != 0)
	case "x86_Thread_features":
		s.X86ThreadFeatures = f.words()
	case "x86_Thread_features_locked":
		s.X86ThreadFeaturesLocked = f.words()
	default:
		return s.parseSecurity(string(key), &f)
	}
	return f.err
}

// parseSecurity parses the lines about signals, capabilities and seccomp.
func (s *Status) parseSecurity(key string, f *fields) error {
	switch key {
	case "Threads":
		s.Threads = f.sdec32()
	case "Cpus_allowed":
		s.CPUs = string(f.word())
	case "SigQ":
		s.SigQueued = f.value(f.until('/'), 10, math.MaxUint64)
		s.SigLimit = f.dec()
	case "SigPnd":
		s.SigPnd = f.hex()
	case "ShdPnd":
		s.ShdPnd = f.hex()
	case "SigBlk":
		s.SigBlk = f.hex()
	case "SigIgn":
		s.SigIgn = f.hex()
	case "SigCgt":
		s.SigCgt = f.hex()
	case "CapInh":
		s.CapInh = f.hex()
	case "CapPrm":
		s.CapPrm = f.hex()
	case "CapEff":
		s.CapEff = f.hex()
	case "CapBnd":
		s.CapBnd = f.hex()
	case "CapAmb":
		s.CapAmb = f.hex()
	case "NoNewPrivs":
		s.NoNewPrivs = f.dec32() != 0
	case "Seccomp":
		s.Seccomp = Some(f.sdec32())
	case "Seccomp_filters":
		s.SeccompFilters = Some(f.sdec32())
	}
	return f.err
}

func (f *fields) pids() []int {
	var pids []int
	for f.more() {
		pids = append(pids, f.sdec32())
	}
	return pids
}

func (f *fields) words() []string {
	words := []string{}
	for f.more() {
		words = append(words, string(f.word()))
	}
	return words
}

func (f *fields) kilobytes() uint64 {
	v := f.value(f.word(), 10, math.MaxUint64>>10) << 10
	if unit := f.word(); f.err == nil && string(unit) != "kB" {
		f.fail("unit %q is not kB", clip(unit))
	}
	return v
}

// unescapeName undoes what status does to comm: \n and \\ (proc_task_name, ESCAPE_SPACE | ESCAPE_SPECIAL, "\n\\").
// The value begins after one tab; comm itself may begin with a blank.
func unescapeName(b []byte) string {
	b = bytes.TrimPrefix(b, []byte("\t"))
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) && (b[i+1] == 'n' || b[i+1] == '\\') {
			i++
			if b[i] == 'n' {
				out = append(out, '\n')
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}
