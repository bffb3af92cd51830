package kerndat

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// probeSigpageMoves asks whether handlers of arm tasks on arm64 return to [sigpage] where it was moved to, and not to where it was: since
// "arm64: compat: Allow signal page to be remapped" (Linux 5.13). A child that never runs moves it and is sent a signal; where its
// handler would return to is in its registers then. Without such a page all is well.
func probeSigpageMoves(_, abi *arch.ABI) (bool, error) {
	if abi == nil {
		return true, nil
	}
	moves := true
	err := withABI(abi, func(pid int) error {
		task, err := procfs.Open(procfs.Root, pid)
		if err != nil {
			return err
		}
		defer task.Close()
		maps, err := task.Maps()
		if err != nil {
			return err
		}
		group, err := Group(maps)
		if err != nil {
			return err
		}
		page, has := vdso.FindSigpage(unnamedFiles(maps))
		if !has {
			return nil
		}
		code, ok := group.Code()
		if !ok {
			return errNoVDSO
		}
		moves, err = returnsTo(abi, pid, code, page)
		return err
	})
	return moves, err
}

// returnsTo moves page, and says whether a handler returns into it.
func returnsTo(abi *arch.ABI, pid int, code, page vdso.Area) (bool, error) {
	const elsewhere, handler = 1 << 25, 1 << 24
	if _, err := callInTracee(abi, pid, code, arch.SysMremap, page.Start, page.Size(), page.Size(), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, elsewhere); err != nil {
		return false, fmt.Errorf("move %v: %w", page, err)
	}
	gpr, err := registers(abi, pid)
	if err != nil {
		return false, err
	}
	action := abi.Struct().Word(handler, 0, 0).Set(0).Bytes()
	at := abi.Regs.SP(gpr) - 1<<10
	iov := unix.Iovec{Base: &action[0]}
	iov.SetLen(len(action))
	if _, err := unix.ProcessVMWritev(pid, []unix.Iovec{iov}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(action)}}, 0); err != nil {
		return false, fmt.Errorf("write an action: %w", err)
	}
	if _, err := callInTracee(abi, pid, code, arch.SysRtSigaction, uint64(unix.SIGUSR1), at, 0, 8); err != nil {
		return false, fmt.Errorf("rt_sigaction: %w", err)
	}
	// From the end of a call the first step only has the signal sent. Delivered with another one, it stops the child at the handler's first
	// instruction.
	for _, stop := range []unix.Signal{unix.SIGUSR1, unix.SIGTRAP} {
		if err := linux.Singlestep(pid, unix.SIGUSR1); err != nil {
			return false, err
		}
		_, status, err := linux.Wait(pid, false)
		switch {
		case err != nil:
			return false, err
		case !status.Stopped() || status.StopSignal() != stop:
			return false, fmt.Errorf("traced child: wait status %#x instead of a stop by %v", uint32(status), stop)
		}
	}
	if gpr, err = registers(abi, pid); err != nil {
		return false, err
	}
	if abi.Regs.PC(gpr) != handler {
		return false, errors.New("a signal is not handled")
	}
	for ; len(gpr) >= 4; gpr = gpr[4:] { // lr is the only one that can be there
		if to := uint64(binary.LittleEndian.Uint32(gpr)); elsewhere <= to && to < elsewhere+page.Size() {
			return true, nil
		}
	}
	return false, nil
}
