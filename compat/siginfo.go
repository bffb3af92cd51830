package compat

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
)

// siginfoSize is that of siginfo_t on all ABIs, bytes.
const siginfoSize = 128

// A field of siginfo_t (include/uapi/asm-generic/siginfo.h, include/linux/compat.h): where it is in the kernel's and in the task's,
// four bytes each. Longs and pointers lose their upper half.
type field struct{ from, to int }

var (
	killFields  = []field{{16, 12}, {20, 16}}                          // pid, uid
	rtFields    = []field{{16, 12}, {20, 16}, {24, 20}}                // pid, uid, value; of a timer: id, overrun, value
	childFields = append(rtFields[:3:3], field{32, 24}, field{40, 28}) // status; utime, stime
	faultFields = []field{{16, 12}, {24, 16}, {32, 20}, {40, 24}}      // address; its lsb or trap number; bounds or key
	pollFields  = []field{{16, 12}, {24, 16}}                          // band, fd
	sysFields   = []field{{16, 12}, {24, 16}, {28, 20}}                // address, call, arch
)

// Codes of signals (include/uapi/asm-generic/siginfo.h).
const (
	siKernel = 0x80
	siTimer  = -2
	siSigio  = -5
	nsigPoll = 6
)

// faults are the signals whose own codes come with an address.
var faults = []unix.Signal{unix.SIGILL, unix.SIGFPE, unix.SIGSEGV, unix.SIGBUS, unix.SIGTRAP}

// fields says what there is in the siginfo of a signal (kernel/signal.c, siginfo_layout).
func fields(sig unix.Signal, code int32) []field {
	switch own := code > 0 && code < siKernel; {
	case own && slices.Contains(faults, sig):
		return faultFields
	case own && sig == unix.SIGCHLD:
		return childFields
	case own && sig == unix.SIGSYS:
		return sysFields
	case own && (sig == unix.SIGPOLL || code <= nsigPoll), code == siSigio:
		return pollFields
	case code == siTimer, code < 0:
		return rtFields
	}
	return killFields
}

// Siginfo is the siginfo_t b of an image as the task hands it to the kernel.
func Siginfo(abi *arch.ABI, b []byte) []byte {
	if !abi.Compat || abi.OwnImages {
		return b
	}
	return taskSiginfo(b)
}

// ImageSiginfo is the siginfo_t b of the kernel, as ptrace shows it, as images have it: the same but for those of an ABI with images of its own.
func ImageSiginfo(abi *arch.ABI, b []byte) []byte {
	if !abi.OwnImages {
		return b
	}
	return taskSiginfo(b)
}

func taskSiginfo(b []byte) []byte {
	if len(b) < siginfoSize {
		return b
	}
	const common = 12 // signal, errno, code
	out := make([]byte, siginfoSize)
	copy(out, b[:common])
	le := binary.LittleEndian
	for _, f := range fields(unix.Signal(le.Uint32(b)), int32(le.Uint32(b[8:]))) {
		copy(out[f.to:f.to+4], b[f.from:])
	}
	return out
}
