package linux

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Futex words shared between address spaces (include/uapi/linux/futex.h).
const (
	futexWait = 0
	futexWake = 1

	// FutexWaiters in a robust futex asks the kernel to wake a waiter when the owner dies.
	FutexWaiters = 1 << 31
	// FutexOwnerDied is set by the kernel in a robust futex whose owner died.
	FutexOwnerDied = 1 << 30
)

// Word is the 32-bit word at offset off of shared memory.
func Word(mem []byte, off int) *atomic.Uint32 {
	_ = mem[off+3]
	return (*atomic.Uint32)(unsafe.Pointer(&mem[off]))
}

// Word64 is the 64-bit word at offset off of shared memory, a multiple of 8.
func Word64(mem []byte, off int) *atomic.Uint64 {
	_ = mem[off+7]
	return (*atomic.Uint64)(unsafe.Pointer(&mem[off]))
}

// FutexWait sleeps while w is val, at most d. It returns early without an error when w changes or a signal comes.
func FutexWait(w *atomic.Uint32, val uint32, d time.Duration) error {
	ts := unix.NsecToTimespec(int64(d))
	_, _, e := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), futexWait, uintptr(val), uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch e {
	case 0, unix.EAGAIN, unix.EINTR, unix.ETIMEDOUT:
		return nil
	}
	return e
}

// FutexWake wakes all that wait for w.
func FutexWake(w *atomic.Uint32) error {
	_, _, e := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), futexWake, 1<<30, 0, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// RobustList is the list of futexes that die with the calling thread (struct robust_list_head). Go's runtime uses none
// without cgo. The kernel walks at most 2048 entries (ROBUST_LIST_LIMIT).
type RobustList struct {
	head *robustHead
	pin  runtime.Pinner
}

type robustHead struct {
	next    uintptr
	offset  int // a long: from an entry to its word
	pending uintptr
}

// RobustEntry is the room that an entry takes in shared memory, bytes: the link and the word after it.
const RobustEntry = 16

// NewRobustList registers an empty list for the calling thread, which must stay locked to its goroutine. The kernel follows its pointers,
// so it is pinned.
func NewRobustList() (*RobustList, error) {
	l := &RobustList{head: &robustHead{offset: 8}}
	l.pin.Pin(l.head)
	l.head.next = uintptr(unsafe.Pointer(l.head))
	if _, _, e := unix.RawSyscall(unix.SYS_SET_ROBUST_LIST, uintptr(unsafe.Pointer(l.head)), unsafe.Sizeof(*l.head), 0); e != 0 {
		l.pin.Unpin()
		return nil, e
	}
	return l, nil
}

// Add makes the entry at offset off of mem one that dies with the thread: its word, 8 bytes on, gets the thread's id.
func (l *RobustList) Add(mem []byte, off int) *atomic.Uint32 {
	_ = mem[off+RobustEntry-1]
	w := Word(mem, off+8)
	w.Store(uint32(unix.Gettid()) | FutexWaiters)
	*(*uintptr)(unsafe.Pointer(&mem[off])) = l.head.next
	l.head.next = uintptr(unsafe.Pointer(&mem[off]))
	return w
}

// Close takes the list from the calling thread, the one that made it: no word dies any more.
func (l *RobustList) Close() {
	_, _, _ = unix.RawSyscall(unix.SYS_SET_ROBUST_LIST, 0, unsafe.Sizeof(*l.head), 0)
	l.pin.Unpin()
}
