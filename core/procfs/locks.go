package procfs

import (
	"math"
)

// LockKind is how a lock was taken.
type LockKind uint8

// The kinds that fs/locks.c (lock_get_status) prints.
const (
	LockUnknown LockKind = iota
	LockAccess           // ACCESS, until 5.15
	LockPosix            // POSIX: fcntl(2) F_SETLK
	LockOFD              // OFDLCK: fcntl(2) F_OFD_SETLK
	LockFlock            // FLOCK: flock(2)
	LockLease            // LEASE: fcntl(2) F_SETLEASE
	LockDeleg            // DELEG: a delegation of nfsd
)

var lockKinds = [...]string{"UNKNOWN", "ACCESS", "POSIX", "OFDLCK", "FLOCK", "LEASE", "DELEG"}

func (k LockKind) String() string {
	if int(k) < len(lockKinds) {
		return lockKinds[k]
	}
	return "UNKNOWN"
}

// LockType is what a lock allows.
type LockType uint8

// The types that fs/locks.c prints; RW and NONE are those of LOCK_MAND, until 5.15.
const (
	LockRead LockType = iota
	LockWrite
	LockUnlck
	LockRW
	LockNone
)

var lockTypes = [...]string{"READ", "WRITE", "UNLCK", "RW", "NONE"}

func (t LockType) String() string {
	if int(t) < len(lockTypes) {
		return lockTypes[t]
	}
	return "UNKNOWN"
}

// LockEOF is Lock.End of a lock that reaches to the end of the file, however long.
const LockEOF = math.MaxInt64

// A Lock is a line of /proc/locks or a lock: line of fdinfo.
type Lock struct {
	ID      int64
	Blocked bool // it waits for the lock of the same ID
	Kind    LockKind
	State   string // ADVISORY, MANDATORY, MSNFS, *NOINODE*; of a lease ACTIVE, BREAKING, BREAKER
	Type    LockType
	PID     int // -1 for OFDLCK; 0 when outside the proc mount's PID namespace
	Major   uint32
	Minor   uint32
	Ino     uint64
	Start   int64
	End     int64 // the last byte, LockEOF
}

// ParseLocks parses /proc/locks.
func ParseLocks(b []byte) ([]Lock, error) {
	var locks []Lock
	var line []byte
	for n := 1; len(b) > 0; n++ {
		line, b = cutLine(b)
		lock, err := parseLock(line)
		if err != nil {
			return nil, lineError(n, err)
		}
		locks = append(locks, lock)
	}
	return locks, nil
}

func parseLock(b []byte) (Lock, error) {
	f := fields{rest: b}
	l := Lock{ID: f.signed(f.until(':'), math.MaxInt64)}
	kind := f.word()
	if string(kind) == "->" {
		l.Blocked = true
		kind = f.word()
	}
	l.Kind = LockKind(f.oneOf(kind, lockKinds[:]))
	l.State = string(f.word())
	l.Type = LockType(f.oneOf(f.word(), lockTypes[:]))
	l.PID = f.sdec32()
	if dev := f.until(':'); string(dev) == "<none>" {
		l.Ino = f.dec()
	} else {
		l.Major, l.Minor = f.hex32(dev), f.hex32Until(':')
		l.Ino = f.dec()
	}
	l.Start = f.sdec()
	if w := f.word(); string(w) == "EOF" {
		l.End = LockEOF
	} else {
		l.End = f.signed(w, math.MaxInt64)
	}
	return l, f.err
}

func (f *fields) oneOf(w []byte, names []string) int {
	for i, name := range names {
		if name == string(w) {
			return i
		}
	}
	f.fail("%q is none of %v", clip(w), names)
	return 0
}
