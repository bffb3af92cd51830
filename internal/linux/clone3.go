package linux

import "encoding/binary"

// CloneArgs is struct clone_args (include/uapi/linux/sched.h, clone3(2)). Addresses are those of the task that makes the call.
type CloneArgs struct {
	Flags      uint64 // CLONE_*
	Pidfd      uint64 // address of an int
	ChildTid   uint64 // address
	ParentTid  uint64 // address
	ExitSignal uint64
	Stack      uint64 // lowest address
	StackSize  uint64 // bytes
	TLS        uint64
	SetTid     uint64 // address of pid_t[SetTidSize], innermost PID namespace first; since Linux 5.5
	SetTidSize uint64
	Cgroup     uint64 // descriptor; since Linux 5.7
}

// SizeofCloneArgs is the size of struct clone_args with Cgroup, bytes (CLONE_ARGS_SIZE_VER2).
const SizeofCloneArgs = 88

// Append appends the struct as a little-endian task's kernel reads it.
func (a *CloneArgs) Append(b []byte) []byte {
	for _, v := range []uint64{a.Flags, a.Pidfd, a.ChildTid, a.ParentTid, a.ExitSignal, a.Stack, a.StackSize, a.TLS,
		a.SetTid, a.SetTidSize, a.Cgroup} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
