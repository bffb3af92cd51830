package linux

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of include/uapi/linux/ptrace.h that x/sys/unix does not have on every architecture.
const (
	ptracePokeUser     = 6
	ptraceCont         = 7
	ptraceSinglestep   = 9
	ptraceDetach       = 17
	ptraceSetSyscall   = 23 // arch/arm/include/uapi/asm/ptrace.h
	ptraceSyscall      = 24
	ptraceGetHBPRegs   = 29 // arch/arm/include/uapi/asm/ptrace.h
	ptraceSetHBPRegs   = 30 // the same
	ptracePeekTags     = 33 // PTRACE_PEEKMTETAGS (arch/arm64/include/uapi/asm/ptrace.h)
	ptracePokeTags     = 34
	ptraceSetOptions   = 0x4200
	ptraceGetSiginfo   = 0x4202
	ptraceGetRegSet    = 0x4204
	ptraceSetRegSet    = 0x4205
	ptraceSeize        = 0x4206
	ptraceInterrupt    = 0x4207
	ptracePeekSiginfo  = 0x4209
	ptraceGetSigmask   = 0x420a
	ptraceSetSigmask   = 0x420b
	ptraceSecGetFilter = 0x420c
	ptraceSecGetMeta   = 0x420d
	ptraceGetRseqConf  = 0x420f

	// PeekSiginfoShared selects the queue of the thread group (PTRACE_PEEKSIGINFO_SHARED).
	PeekSiginfoShared = 1
	// SiginfoSize is sizeof(siginfo_t), bytes, on every ABI.
	SiginfoSize = 128
)

func ptrace(req int, tid int, addr, data uintptr) (uintptr, error) {
	r, _, e := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(req), uintptr(tid), addr, data, 0, 0)
	if e != 0 {
		return 0, e
	}
	return r, nil
}

// Seize attaches to tid without stopping it; options are PTRACE_O_*.
func Seize(tid int, options uintptr) error {
	_, err := ptrace(ptraceSeize, tid, 0, options)
	return err
}

// Interrupt makes tid stop with PTRACE_EVENT_STOP.
func Interrupt(tid int) error { _, err := ptrace(ptraceInterrupt, tid, 0, 0); return err }

// Cont lets tid go on, sig delivered if not 0.
func Cont(tid int, sig unix.Signal) error { return Resume(tid, ptraceCont, sig) }

// Singlestep lets tid execute one instruction, after the handler of sig is entered if sig is not 0.
func Singlestep(tid int, sig unix.Signal) error { return Resume(tid, ptraceSinglestep, sig) }

// Resume lets tid go on as the request says, sig delivered if not 0.
func Resume(tid, request int, sig unix.Signal) error {
	_, err := ptrace(request, tid, 0, uintptr(sig))
	return err
}

// ContSyscall lets tid go on to the next entry or exit of a system call, sig delivered if not 0.
func ContSyscall(tid int, sig unix.Signal) error { return Resume(tid, ptraceSyscall, sig) }

// SetCallNumber changes the number of the system call that tid is at the entry of (PTRACE_SET_SYSCALL, arm only).
func SetCallNumber(tid, nr int) error {
	_, err := ptrace(ptraceSetSyscall, tid, 0, uintptr(nr))
	return err
}

// HBPReg reads register n of the hardware breakpoints of tid (PTRACE_GETHBPREGS, arm only): 0 tells what there is, 1 the address and 2 the
// control of the first one.
func HBPReg(tid, n int) (uint32, error) {
	var v uint32
	_, err := ptrace(ptraceGetHBPRegs, tid, uintptr(n), uintptr(unsafe.Pointer(&v)))
	return v, err
}

// SetHBPReg writes one (PTRACE_SETHBPREGS).
func SetHBPReg(tid, n int, v uint32) error {
	_, err := ptrace(ptraceSetHBPRegs, tid, uintptr(n), uintptr(unsafe.Pointer(&v)))
	return err
}

// PokeUser writes the word at off of struct user, the tracer's (PTRACE_POKEUSER).
func PokeUser(tid, off int, v uint64) error {
	_, err := ptrace(ptracePokeUser, tid, uintptr(off), uintptr(v))
	return err
}

// Detach lets go of tid, sig delivered if not 0.
func Detach(tid int, sig unix.Signal) error {
	_, err := ptrace(ptraceDetach, tid, 0, uintptr(sig))
	return err
}

// SetOptions replaces the PTRACE_O_* of tid.
func SetOptions(tid int, options uintptr) error {
	_, err := ptrace(ptraceSetOptions, tid, 0, options)
	return err
}

// GetRegSet reads register set note (NT_*) into b and returns how many bytes there are.
func GetRegSet(tid int, note uint32, b []byte) (int, error) {
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	if _, err := ptrace(ptraceGetRegSet, tid, uintptr(note), uintptr(unsafe.Pointer(&iov))); err != nil {
		return 0, err
	}
	return int(iov.Len), nil
}

// SetRegSet writes register set note from b.
func SetRegSet(tid int, note uint32, b []byte) error {
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	_, err := ptrace(ptraceSetRegSet, tid, uintptr(note), uintptr(unsafe.Pointer(&iov)))
	return err
}

// PeekTags reads the tags of tid's memory from addr on, one a byte, and says how many it got.
func PeekTags(tid int, addr uint64, tags []byte) (int, error) {
	return tagsCall(ptracePeekTags, tid, addr, tags)
}

// PokeTags sets the tags of tid's memory from addr on and says how many it has set.
func PokeTags(tid int, addr uint64, tags []byte) (int, error) {
	return tagsCall(ptracePokeTags, tid, addr, tags)
}

func tagsCall(req, tid int, addr uint64, tags []byte) (int, error) {
	iov := unix.Iovec{Base: &tags[0]}
	iov.SetLen(len(tags))
	if _, err := ptrace(req, tid, uintptr(addr), uintptr(unsafe.Pointer(&iov))); err != nil {
		return 0, err
	}
	return int(iov.Len), nil
}

// Request makes a request that writes to b.
func Request(tid, request int, b []byte) error {
	_, err := ptrace(request, tid, 0, ptr(b))
	return err
}

// Sigmask is the set of signals that tid blocks, bit n-1 for signal n.
func Sigmask(tid int) (uint64, error) {
	var mask uint64
	_, err := ptrace(ptraceGetSigmask, tid, 8, uintptr(unsafe.Pointer(&mask)))
	return mask, err
}

// SetSigmask replaces the set of signals that tid blocks.
func SetSigmask(tid int, mask uint64) error {
	_, err := ptrace(ptraceSetSigmask, tid, 8, uintptr(unsafe.Pointer(&mask)))
	return err
}

// Sent says whether the signal for which tid is stopped was sent by a process: its si_code is not above 0 (sigaction(2)).
func Sent(tid int) (bool, error) {
	var info [SiginfoSize]byte
	if _, err := ptrace(ptraceGetSiginfo, tid, 0, ptr(info[:])); err != nil {
		return false, err
	}
	const siCode = 8 // after si_signo and si_errno (include/uapi/asm-generic/siginfo.h)
	return int32(binary.NativeEndian.Uint32(info[siCode:])) <= 0, nil
}

type peekSiginfoArgs struct {
	off   uint64
	flags uint32
	nr    int32
}

// PeekSiginfo reads pending signals from number off on into b, SiginfoSize bytes each, and returns how many there were.
func PeekSiginfo(tid int, off uint64, flags uint32, b []byte) (int, error) {
	args := peekSiginfoArgs{off, flags, int32(len(b) / SiginfoSize)}
	n, err := ptrace(ptracePeekSiginfo, tid, uintptr(unsafe.Pointer(&args)), ptr(b))
	return int(n), err
}

// RseqConf is what tid registered by rseq (struct ptrace_rseq_configuration, since Linux 5.13).
type RseqConf struct {
	Area      uint64
	Size      uint32 // bytes
	Signature uint32
	Flags     uint32
	_         uint32
}

// GetRseqConf reads the rseq registration of tid; EIO where the kernel does not know the request.
func GetRseqConf(tid int) (RseqConf, error) {
	var c RseqConf
	_, err := ptrace(ptraceGetRseqConf, tid, unsafe.Sizeof(c), uintptr(unsafe.Pointer(&c)))
	return c, err
}

// dispatchConf is struct ptrace_sud_config (include/uapi/linux/ptrace.h, since Linux 6.4).
type dispatchConf struct{ mode, selector, offset, len uint64 }

// Dispatches says that system calls of tid may become signals (PR_SET_SYSCALL_USER_DISPATCH). EIO where the kernel does not know the request, EINVAL
// where it has no such mode (include/linux/syscall_user_dispatch.h).
func Dispatches(tid int) (bool, error) {
	var c dispatchConf
	_, err := ptrace(unix.PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, unsafe.Sizeof(c), uintptr(unsafe.Pointer(&c)))
	return c.mode != 0, err
}

// SeccompFilter reads seccomp filter number i of tid (0 is the newest): ENOENT past the last.
func SeccompFilter(tid, i int) ([]unix.SockFilter, error) {
	n, err := ptrace(ptraceSecGetFilter, tid, uintptr(i), 0)
	if err != nil || n == 0 {
		return nil, err
	}
	f := make([]unix.SockFilter, n)
	_, err = ptrace(ptraceSecGetFilter, tid, uintptr(i), uintptr(unsafe.Pointer(&f[0])))
	return f, err
}

// SeccompFilterFlags are the SECCOMP_FILTER_FLAG_* of filter number i of tid (only LOG is kept; since Linux 4.14).
func SeccompFilterFlags(tid, i int) (uint64, error) {
	meta := [2]uint64{uint64(i)}
	_, err := ptrace(ptraceSecGetMeta, tid, unsafe.Sizeof(meta), uintptr(unsafe.Pointer(&meta)))
	return meta[1], err
}

// Wait reaps a change of state of tid. With nohang it returns 0 if there is none.
func Wait(tid int, nohang bool) (got int, status unix.WaitStatus, err error) {
	flags := unix.WALL
	if nohang {
		flags |= unix.WNOHANG
	}
	err = retry(func() unix.Errno {
		var e error
		got, e = unix.Wait4(tid, &status, flags, nil)
		if e != nil {
			return e.(unix.Errno)
		}
		return 0
	})
	return got, status, err
}
