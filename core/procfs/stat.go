package procfs

import (
	"bytes"
	"errors"
)

// Stat is /proc/PID/stat (fs/proc/array.c, do_task_stat; field numbers as in proc_pid_stat(5)).
// What the reader may not see (ptrace access mode read) the kernel prints as 0, StartCode and EndCode as 1.
type Stat struct {
	PID                                int
	Comm                               string
	State                              byte // R S D Z T t X I P
	PPID, Pgrp, Session                int
	TTYNr                              uint32 // device number as in new_encode_dev; 0 for none
	TPgid                              int
	Flags                              uint32 // PF_*
	Utime, Stime                       uint64 // clock ticks (USER_HZ)
	Priority, Nice                     int
	NumThreads                         int
	StartTime                          uint64 // clock ticks since boot, in the reader's time namespace
	Vsize                              uint64 // bytes
	Rss                                uint64 // pages
	StartCode, EndCode, StartStack     uint64
	ExitSignal                         int
	Processor                          int
	RTPriority                         uint32
	Policy                             uint32 // SCHED_*
	StartData, EndData, StartBrk       uint64
	ArgStart, ArgEnd, EnvStart, EnvEnd uint64
	ExitCode                           uint32 // as wait(2) gives it
}

// ParseStat parses /proc/PID/stat and /proc/PID/task/TID/stat.
func ParseStat(b []byte) (Stat, error) {
	var s Stat
	b, _ = cutTail(b)
	// comm may hold blanks and parentheses; nothing after it does.
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return s, errors.New("field 2: no comm in parentheses")
	}
	f := fields{rest: b[:open]}
	s.PID = f.sdec32()
	s.Comm = string(b[open+1 : end])
	f.rest = b[end+1:]
	f.n = 2
	if w := f.word(); len(w) == 1 {
		s.State = w[0]
	} else {
		f.fail("state %q is not a letter", clip(w))
	}
	s.PPID, s.Pgrp, s.Session = f.sdec32(), f.sdec32(), f.sdec32()
	s.TTYNr = uint32(f.sdec32()) // printed as %d
	s.TPgid = f.sdec32()
	s.Flags = f.dec32()
	f.skip(4) // minflt cminflt majflt cmajflt
	s.Utime, s.Stime = f.dec(), f.dec()
	f.skip(2) // cutime cstime
	s.Priority, s.Nice = f.sdec32(), f.sdec32()
	s.NumThreads = f.sdec32()
	f.skip(1) // itrealvalue
	s.StartTime = f.dec()
	s.Vsize, s.Rss = f.dec(), f.dec()
	f.skip(1) // rsslim
	s.StartCode, s.EndCode, s.StartStack = f.dec(), f.dec(), f.dec()
	f.skip(9) // kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap
	s.ExitSignal, s.Processor = f.sdec32(), f.sdec32()
	s.RTPriority, s.Policy = f.dec32(), f.dec32()
	f.skip(3) // delayacct_blkio_ticks guest_time cguest_time
	s.StartData, s.EndData, s.StartBrk = f.dec(), f.dec(), f.dec()
	s.ArgStart, s.ArgEnd, s.EnvStart, s.EnvEnd = f.dec(), f.dec(), f.dec(), f.dec()
	s.ExitCode = uint32(f.sdec32())
	return s, f.err
}

// cutTail takes the last newline off b.
func cutTail(b []byte) ([]byte, bool) {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1], true
	}
	return b, false
}

func (f *fields) skip(n int) {
	for range n {
		f.word()
	}
}
