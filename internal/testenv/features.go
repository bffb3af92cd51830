package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// The features that tests below the engine need; the engine's own are in core/kerndat.
var (
	PagemapScan = Feature{"PAGEMAP_SCAN", "Linux 6.7", func() (bool, error) {
		fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return false, err
		}
		defer unix.Close(fd)
		_, err = linux.PagemapScan(fd, &linux.PmScanArg{}, nil)
		return answer(err, unix.ENOTTY)
	}}

	ProcmapQuery = Feature{"PROCMAP_QUERY", "Linux 6.11", func() (bool, error) {
		fd, err := unix.Open("/proc/self/maps", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return false, err
		}
		defer unix.Close(fd)
		_, err = linux.QueryProcmap(fd, &linux.ProcmapQuery{QueryFlags: linux.PROCMAP_QUERY_COVERING_OR_NEXT_VMA}, nil)
		return answer(err, unix.ENOTTY)
	}}

	Kcmp = Feature{"kcmp", "CONFIG_KCMP", func() (bool, error) {
		_, err := linux.Kcmp(os.Getpid(), os.Getpid(), linux.KcmpVM, 0, 0)
		return answer(err, unix.ENOSYS)
	}}

	CheckpointRestore = Feature{"PR_SET_MM_MAP", "CONFIG_CHECKPOINT_RESTORE", func() (bool, error) {
		_, err := linux.MMMapSize()
		return answer(err, unix.EINVAL)
	}}

	MDWE = Feature{"PR_SET_MDWE", "Linux 6.3", func() (bool, error) { return answer(unix.Prctl(unix.PR_GET_MDWE, 0, 0, 0, 0), unix.EINVAL) }}

	// DispatchConf goes by the kernel's release: the request needs a tracee.
	DispatchConf = Feature{"PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG", "Linux 6.4", func() (bool, error) { return !older(Release(), "6.4"), nil }}

	ChildrenFile = Feature{"/proc/PID/task/TID/children", "CONFIG_PROC_CHILDREN", func() (bool, error) {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
		return answer(err, fs.ErrNotExist)
	}}

	// Frames are signal frames made by hand that rt_sigreturn takes: qemu-user crashes on those of ppc64le.
	Frames = Feature{"hand-made signal frames", "", func() (bool, error) {
		if runtime.GOARCH != "ppc64le" {
			return true, nil
		}
		return OwnProc.Probe()
	}}

	// OwnProc is a /proc that shows this program: under a user-mode emulator, which answers for a few of its paths only, it shows the
	// emulator.
	OwnProc = Feature{"its own /proc", "", func() (bool, error) {
		exe, err := os.Executable()
		if err != nil {
			return false, err
		}
		fd, err := unix.Open(fmt.Sprintf("/proc/%d", os.Getpid()), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return false, err
		}
		defer unix.Close(fd)
		var link [unix.PathMax]byte
		n, err := unix.Readlinkat(fd, "exe", link[:])
		if err != nil {
			return false, errors.Join(errors.New("exe"), err)
		}
		return string(link[:n]) == exe, nil
	}}
)
