// Package linux holds the uapi constants, structures and calls that golang.org/x/sys/unix lacks. It is the only home of
// unsafe. Errors are unix.Errno; calls that a signal may interrupt are repeated here and nowhere else.
package linux

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// retry repeats a call for as long as it is interrupted.
func retry(f func() unix.Errno) error {
	for {
		switch e := f(); e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

func ptr(b []byte) uintptr {
	if len(b) == 0 {
		return 0
	}
	return uintptr(unsafe.Pointer(&b[0]))
}

// Address is where b is in memory; b must be pinned, or not on Go's heap.
func Address(b []byte) uint64 { return uint64(ptr(b)) }

// BlockSignals blocks all signals of the calling thread and returns the mask that was.
func BlockSignals() (old uint64, err error) {
	all := ^uint64(0)
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	if e != 0 {
		return 0, e
	}
	return old, nil
}

// RestoreSignals sets the mask of the calling thread.
func RestoreSignals(old uint64) {
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
}

// Pid is this process's. It never changes, and os.Getpid asks the kernel each time.
var Pid = sync.OnceValue(os.Getpid)

// SetSubreaper says whether orphans below this process become its children, and returns what was so before.
func SetSubreaper(on bool) (was bool, err error) {
	var old int32
	if err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&old)), 0, 0, 0); err != nil {
		return false, err
	}
	var v uintptr
	if on {
		v = 1
	}
	return old != 0, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, v, 0, 0, 0)
}

// DefaultAction gives a signal its default action, whatever the Go runtime has set, for the whole process.
func DefaultAction(sig unix.Signal) error { return SetHandler(sig, 0, 0) }

// SetHandler has the kernel call code at handler when the process gets sig, on the stack that the runtime gives its threads for
// signals, and return from there to restorer, if that is not 0. It must be code that needs nothing of the Go runtime's.
func SetHandler(sig unix.Signal, handler, restorer uintptr) error {
	const saRestorer, saOnstack, saRestart = 0x04000000, 0x08000000, 0x10000000
	action := struct{ handler, flags, restorer, mask, more uintptr }{handler: handler, restorer: restorer} // mask is 8 bytes
	if handler != 0 {
		action.flags = saOnstack | saRestart
		// The runtime's handlers must not begin inside this one: they would look for the goroutine in a register that the vDSO's code may
		// have been using.
		action.mask, action.more = ^uintptr(0), ^uintptr(0)
	}
	if restorer != 0 {
		action.flags |= saRestorer
	}
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// Prlimit sets a limit of this process, unless it is nil, and gets what it was. By unix.Setrlimit Go would not give programs that are executed the
// limit on descriptors that this one has begun with.
func Prlimit(resource int, now, had *unix.Rlimit) error {
	_, _, e := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(now)), uintptr(unsafe.Pointer(had)), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}
