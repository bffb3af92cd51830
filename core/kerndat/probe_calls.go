package kerndat

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// unless turns the error of a probing call into an answer: nil and the errors of yes say yes, those of no say no.
func unless(err error, yes, no []error) (bool, error) {
	if err == nil {
		return true, nil
	}
	for _, e := range yes {
		if errors.Is(err, e) {
			return true, nil
		}
	}
	for _, e := range no {
		if errors.Is(err, e) {
			return false, nil
		}
	}
	return false, err
}

// CAP_CHECKPOINT_RESTORE (5.9, capabilities(7)) suffices for PIDs and map_files; tasks of another user need CAP_SYS_PTRACE.
func probePrivileges() (bool, error) {
	caps, err := linux.EffectiveCapabilities()
	if err != nil {
		return false, err
	}
	has := func(c int) bool { return caps>>c&1 != 0 }
	return has(unix.CAP_SYS_PTRACE) && (has(unix.CAP_SYS_ADMIN) || has(unix.CAP_CHECKPOINT_RESTORE)), nil
}

// kernel/sys.c, prctl_set_mm: PR_SET_MM_MAP_SIZE is under CONFIG_CHECKPOINT_RESTORE and comes before the capability check.
func probeCheckpointRestore() (bool, error) {
	_, err := linux.MMMapSize()
	return unless(err, nil, []error{unix.EINVAL, unix.ENOSYS})
}

// Clone3 without set_tid (5.3, 5.4) knows a shorter structure: E2BIG. Container filters answer ENOSYS.
func probeClone3SetTid() (bool, error) {
	err := linux.ProbeClone3SetTid()
	return unless(err, []error{unix.EFAULT}, []error{unix.E2BIG, unix.ENOSYS})
}

func probeKcmp() (bool, error) {
	pid := linux.Pid()
	_, err := linux.Kcmp(pid, pid, linux.KcmpVM, 0, 0)
	return unless(err, nil, []error{unix.ENOSYS})
}

// kernel/time/posix-timers.c: EINVAL before "posix-timers: Provide a mechanism to allocate a given timer ID" (6.16).
func probeTimerCRIDs() (bool, error) {
	err := unix.Prctl(unix.PR_TIMER_CREATE_RESTORE_IDS, unix.PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0)
	return unless(err, nil, []error{unix.EINVAL})
}

func probeOpenat2() (bool, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err == nil {
		err = unix.Close(fd)
	}
	return unless(err, nil, []error{unix.ENOSYS})
}

// The sysctl vm.memfd_noexec (6.3, Documentation/admin-guide/sysctl/vm.rst) makes MFD_EXEC fail with EACCES at 2; a kernel
// without it does not know the flag, and its memfds are executable.
func probeMemfdExec() (bool, error) {
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	}
	if err == nil {
		err = unix.Close(fd)
	}
	return unless(err, nil, []error{unix.EACCES, unix.ENOSYS})
}

// mm/mmap.c, do_mmap: an unknown type of mapping is EINVAL.
func probeDroppable() (bool, error) {
	const mapDroppable = 0x08
	page := os.Getpagesize()
	addr, err := unix.MmapPtr(-1, 0, nil, uintptr(page), unix.PROT_READ, mapDroppable|unix.MAP_ANON)
	if err == nil {
		err = unix.MunmapPtr(addr, uintptr(page))
	}
	return unless(err, nil, []error{unix.EINVAL})
}

func probeMDWE() (bool, error) {
	return unless(unix.Prctl(unix.PR_GET_MDWE, 0, 0, 0, 0), nil, []error{unix.EINVAL})
}

func probePagemapScan() (bool, error) {
	return onOpen("/proc/self/pagemap", func(fd int) error {
		_, err := linux.PagemapScan(fd, &linux.PmScanArg{}, nil)
		return err
	})
}

// fs/proc/task_mmu.c, pagemap_scan_get_args: an unknown category is EINVAL.
func probePagemapGuard() (bool, error) {
	fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open /proc/self/pagemap: %w", err)
	}
	defer unix.Close(fd)
	arg := linux.PmScanArg{End: uint64(os.Getpagesize()), CategoryMask: linux.PAGE_IS_GUARD, ReturnMask: linux.PAGE_IS_GUARD}
	_, err = linux.PagemapScan(fd, &arg, make([]linux.PageRegion, 1))
	return unless(err, nil, []error{unix.EINVAL, unix.ENOTTY})
}

func probeProcmapQuery() (bool, error) {
	return onOpen("/proc/self/maps", func(fd int) error {
		_, err := linux.QueryProcmap(fd, &linux.ProcmapQuery{QueryFlags: linux.PROCMAP_QUERY_COVERING_OR_NEXT_VMA}, nil)
		return err
	})
}

// onOpen asks with an ioctl of a file of /proc: ENOTTY says no, and any other answer comes from code that is there.
func onOpen(path string, ioctl func(fd int) error) (bool, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	return unless(ioctl(fd), []error{unix.EINVAL, unix.EFAULT}, []error{unix.ENOTTY})
}
