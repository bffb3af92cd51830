// Package spawn makes the root task of a restore: a process whose address space is almost empty and that runs the stub.
package spawn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/stub"
	"woodfrog/internal/fds"
	"woodfrog/internal/linux"
)

// ELF is a program of the block's ABI that maps the area, open there as descriptor areaFd, and enters the stub with block b. It is loaded at
// address at, one page, and has no stack of its own to speak of.
func ELF(area *stub.Area, b stub.Block, areaFd int, at uint64) []byte {
	abi := b.ABI()
	code := uint64(area.CodeSize)
	const flags = unix.MAP_SHARED | unix.MAP_FIXED
	mmap := func(addr, size, prot, off uint64) arch.ShimCall {
		return arch.ShimCall{Nr: abi.Sys(arch.SysMmap), Args: [6]uint64{addr, size, prot, flags, uint64(areaFd), off / abi.MmapUnit}}
	}
	text := abi.Stub.Shim([]arch.ShimCall{
		mmap(area.Base, code, unix.PROT_READ|unix.PROT_EXEC, 0),
		mmap(area.Base+code, uint64(area.Size())-code, unix.PROT_READ|unix.PROT_WRITE, code),
	}, b.Entry(), b.Addr())
	return abi.Program(text, at)
}

// Start executes program as a new process with PID pid, a child of the caller or, with sibling, of the caller's parent. All
// signals are blocked in it. Descriptors without close-on-exec are its own from the start. The program has a file of its own: one that the
// task maps later, as it does the area's, would stay its executable (kernel/fork.c, replace_mm_exe_file: EBUSY).
func Start(b *arch.Backend, program []byte, pid int, sibling bool) error {
	fd, err := linux.Memfd("woodfrog", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd: %w", err)
	}
	defer fds.Later(fd)
	if _, err := unix.Pwrite(fd, program, 0); err != nil {
		return fmt.Errorf("write the root task's program: %w", err)
	}
	const argsSize, setTid, argv, path = 88, 128, 144, 160
	mem := make([]byte, path+8)
	var pin runtime.Pinner
	pin.Pin(&mem[0])
	defer pin.Unpin()
	addr := linux.Address(mem)
	args := linux.CloneArgs{Flags: unix.CLONE_VM | unix.CLONE_VFORK, ExitSignal: uint64(unix.SIGCHLD), SetTid: addr + setTid, SetTidSize: 1}
	if sibling {
		args.Flags |= unix.CLONE_PARENT
		args.ExitSignal = 0 // that of the caller itself; anything else is EINVAL
	}
	copy(mem, args.Append(nil))
	binary.LittleEndian.PutUint32(mem[setTid:], uint32(pid))
	binary.LittleEndian.PutUint64(mem[argv:], addr+path) // an empty name; the next word ends argv and is envp
	old, err := linux.BlockSignals()
	if err != nil {
		return err
	}
	got := b.VforkExec(uintptr(addr), argsSize, uintptr(fd), uintptr(addr+path), uintptr(addr+argv), uintptr(addr+argv+8))
	linux.RestoreSignals(old)
	if got < 0 {
		return cloneError(pid, unix.Errno(-got))
	}
	return nil
}

// ErrPidTaken means that a process or thread has the PID that a task of the image needs.
var ErrPidTaken = errors.New("the PID is taken")

func cloneError(pid int, err unix.Errno) error {
	if err == unix.EEXIST {
		return fmt.Errorf("task %d: %w", pid, ErrPidTaken)
	}
	return fmt.Errorf("task %d: clone3: %w", pid, err)
}
