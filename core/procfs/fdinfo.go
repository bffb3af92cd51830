package procfs

import (
	"fmt"
	"math"
)

// Fdinfo is /proc/PID/fdinfo/FD (fs/proc/fd.c, seq_show) with what the kind of file adds (its show_fdinfo). Lines of kinds that are not
// listed here are skipped.
type Fdinfo struct {
	Pos   int64
	Flags uint32 // O_*, O_CLOEXEC of the descriptor among them; the values are those of the reader's kernel
	MntID int
	Ino   Maybe[uint64] // since 5.14

	Locks    []Lock // held through this file and this task's file table
	Eventfd  *Eventfd
	Epoll    []EpollTarget
	Signalfd *uint64 // mask; signal n is bit n-1
	Timerfd  *Timerfd
	Inotify  []InotifyWatch
	Fanotify *Fanotify
	Pidfd    *Pidfd
	ScmFds   Maybe[uint32] // descriptors in flight to a Unix socket
}

// Eventfd is fs/eventfd.c, eventfd_show_fdinfo.
type Eventfd struct {
	Count     uint64
	ID        Maybe[int]
	Semaphore Maybe[bool] // since 6.5; before, only a task that reads it can tell
}

// EpollTarget is fs/eventpoll.c, ep_show_fdinfo.
type EpollTarget struct {
	Fd     int    // as it was numbered when it was added: by now it may be closed or another file
	Events uint32 // EPOLL*
	Data   uint64
	Pos    int64
	Ino    uint64
	Sdev   uint32 // s_dev, in the kernel's own encoding: major << 20 | minor
}

// Timerfd is fs/timerfd.c, timerfd_show.
type Timerfd struct {
	ClockID      int
	Ticks        uint64
	SettimeFlags uint32
	Value        Timespec
	Interval     Timespec
}

// Timespec is a time in seconds and nanoseconds.
type Timespec struct{ Sec, Nsec uint64 }

// Pidfd is kernel/fork.c (fs/pidfs.c), pidfd_show_fdinfo.
type Pidfd struct {
	PID   int // -1 when the process has been reaped, 0 when it is outside the proc mount's PID namespace
	NSpid []int
}

// ParseFdinfo parses /proc/PID/fdinfo/FD.
func ParseFdinfo(b []byte) (Fdinfo, error) {
	var info Fdinfo
	var seen [3]bool // pos, flags, mnt_id: what a driver prints comes later and may use such a key again
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		if err := info.parseLine(line, &seen); err != nil {
			return info, lineError(n, err)
		}
	}
	if seen != [3]bool{true, true, true} {
		return info, fmt.Errorf("pos, flags or mnt_id is missing")
	}
	return info, nil
}

func (info *Fdinfo) parseLine(line []byte, seen *[3]bool) error {
	switch {
	case hasPrefix(line, "inotify "):
		return info.parseInotify(line)
	case hasPrefix(line, "fanotify "):
		return info.parseFanotify(line)
	}
	key, value, ok := cutKey(line)
	if !ok {
		return nil
	}
	f := fields{rest: value}
	switch string(key) {
	case "pos":
		if !seen[0] {
			info.Pos, seen[0] = f.sdec(), true
		}
	case "flags":
		if !seen[1] {
			info.Flags, seen[1] = f.oct32(), true
		}
	case "mnt_id":
		if !seen[2] {
			info.MntID, seen[2] = f.sdec32(), true
		}
	case "ino":
		if !info.Ino.Present {
			info.Ino = Some(f.dec())
		}
	case "lock":
		lock, err := parseLock(value)
		if err != nil {
			return wrapKey(key, err)
		}
		info.Locks = append(info.Locks, lock)
	case "eventfd-count":
		info.Eventfd = &Eventfd{Count: f.hex()}
	case "tfd":
		t, err := parseEpollTarget(value)
		if err != nil {
			return wrapKey(key, err)
		}
		info.Epoll = append(info.Epoll, t)
	case "sigmask":
		mask := f.hex()
		info.Signalfd = &mask
	case "clockid":
		info.Timerfd = &Timerfd{ClockID: f.sdec32()}
	case "Pid":
		info.Pidfd = &Pidfd{PID: f.sdec32()}
	case "scm_fds":
		info.ScmFds = Some(f.dec32())
	default:
		info.parseFurther(string(key), &f)
	}
	return wrapKey(key, f.err)
}

// parseFurther parses the lines that follow the one that told the kind.
func (info *Fdinfo) parseFurther(key string, f *fields) {
	switch t := info.Timerfd; {
	case info.Eventfd != nil && key == "eventfd-id":
		info.Eventfd.ID = Some(f.sdec32())
	case info.Eventfd != nil && key == "eventfd-semaphore":
		info.Eventfd.Semaphore = Some(f.dec32() != 0)
	case info.Pidfd != nil && key == "NSpid":
		info.Pidfd.NSpid = f.pids()
	case t == nil:
	case key == "ticks":
		t.Ticks = f.dec()
	case key == "settime flags":
		t.SettimeFlags = f.oct32()
	case key == "it_value":
		t.Value = f.timespec()
	case key == "it_interval":
		t.Interval = f.timespec()
	}
}

// timespec takes "(sec, nsec)".
func (f *fields) timespec() Timespec {
	if open := f.until('('); f.err == nil && len(open) > 0 {
		f.fail("%q before the parenthesis", clip(open))
	}
	return Timespec{
		Sec:  f.value(f.until(','), 10, math.MaxInt64),
		Nsec: f.value(f.until(')'), 10, 999_999_999),
	}
}

// parseEpollTarget parses "%8d events: %8x data: %16llx  pos:%lli ino:%lx sdev:%x".
func parseEpollTarget(value []byte) (EpollTarget, error) {
	f := fields{rest: value}
	t := EpollTarget{Fd: f.sdec32()}
	f.keyed("events:")
	t.Events = uint32(f.value(f.word(), 16, math.MaxUint32))
	f.keyed("data:")
	t.Data = f.hex()
	t.Pos = f.signed(f.keyed("pos:"), math.MaxInt64)
	t.Ino = f.value(f.keyed("ino:"), 16, math.MaxUint64)
	t.Sdev = uint32(f.value(f.keyed("sdev:"), 16, math.MaxUint32))
	return t, f.err
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// KernelDev takes a device number in the kernel's own encoding apart (include/linux/kdev_t.h, MAJOR and MINOR).
func KernelDev(sdev uint32) (major, minor uint32) { return sdev >> 20, sdev & (1<<20 - 1) }
