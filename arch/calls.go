package arch

// Call names a system call that the engine makes itself or has a task make; each ABI has its number in ABI.Nr.
type Call uint8

const (
	SysRead Call = iota
	SysWrite
	SysOpen
	SysOpenat
	SysClose
	SysMmap
	SysMunmap
	SysMremap
	SysMprotect
	SysMadvise
	SysMlock2
	SysBrk
	SysRtSigaction
	SysRtSigprocmask
	SysRtSigpending
	SysRtSigqueueinfo
	SysRtTgsigqueueinfo
	SysRtSigreturn
	SysRtSigtimedwait
	SysRestartSyscall
	SysSigaltstack
	SysPread64
	SysPreadv
	SysPwritev
	SysWritev
	SysRecvmsg
	SysSendmsg
	SysSocketpair
	SysMemfdCreate
	SysDup3
	SysFcntl
	SysCloseRange
	SysEpollCtl
	SysIoctl
	SysLseek
	SysLlseek
	SysFlock
	SysClone3
	SysClone
	SysExit
	SysExitGroup
	SysWait4
	SysWaitid
	SysKill
	SysTgkill
	SysGetpid
	SysGettid
	SysGetppid
	SysSetsid
	SysSetpgid
	SysGetpgid
	SysGetsid
	SysFutex
	SysSetRobustList
	SysGetRobustList
	SysSetTidAddress
	SysRseq
	SysArchPrctl
	SysPrctl
	SysPrlimit64
	SysSetrlimit
	SysPersonality
	SysUmask
	SysChdir
	SysFchdir
	SysChroot
	SysSetitimer
	SysGetitimer
	SysTimerCreate
	SysTimerSettime
	SysTimerGettime
	SysTimerGetoverrun
	SysTimerDelete
	SysTimerfdSettime
	SysClockGettime
	SysSetresuid
	SysSetresgid
	SysSetgroups
	SysSetfsuid
	SysSetfsgid
	SysCapset
	SysCapget
	SysSeccomp
	SysSchedSetattr
	SysSchedGetattr
	SysSetpriority
	SysSchedSetaffinity
	SysIoprioSet
	SysPtrace
	SysUnshare
	SysSetns
	SysPidfdOpen
	SysPidfdGetfd
	SysMembarrier
	SysGetrandom
	SysNanosleep
	SysSchedYield
	SysPpoll
	SysExecveat
	SysPause
	SysFtruncate
	SysFallocate
	SysUserfaultfd
	SysIoSetup
	SysIoDestroy
	SysIoSubmit
	SysSetThreadArea
	SysGetThreadArea
	SysModifyLdt
	SysCacheflush
	SysSetTls
	SysGetcpu
	SysGettimeofday
	SysTime
	SysClockGetres
	SysMlock
	SysMlockall
	SysIoprioGet
	SysMunlock
	SysMbind
	SysSetMempolicy
	SysSyncFileRange
	SysClockGettime64
	SysClockGetres64

	// NumCalls is the length of ABI.Nr.
	NumCalls
)

var callNames = [NumCalls]string{
	SysRead:             "read",
	SysWrite:            "write",
	SysOpen:             "open",
	SysOpenat:           "openat",
	SysClose:            "close",
	SysMmap:             "mmap",
	SysMunmap:           "munmap",
	SysMremap:           "mremap",
	SysMprotect:         "mprotect",
	SysMadvise:          "madvise",
	SysMlock2:           "mlock2",
	SysBrk:              "brk",
	SysRtSigaction:      "rt_sigaction",
	SysRtSigprocmask:    "rt_sigprocmask",
	SysRtSigpending:     "rt_sigpending",
	SysRtSigqueueinfo:   "rt_sigqueueinfo",
	SysRtTgsigqueueinfo: "rt_tgsigqueueinfo",
	SysRtSigtimedwait:   "rt_sigtimedwait",
	SysRestartSyscall:   "restart_syscall",
	SysRtSigreturn:      "rt_sigreturn",
	SysSigaltstack:      "sigaltstack",
	SysPread64:          "pread64",
	SysPreadv:           "preadv",
	SysPwritev:          "pwritev",
	SysWritev:           "writev",
	SysRecvmsg:          "recvmsg",
	SysSendmsg:          "sendmsg",
	SysSocketpair:       "socketpair",
	SysMemfdCreate:      "memfd_create",
	SysDup3:             "dup3",
	SysFcntl:            "fcntl",
	SysCloseRange:       "close_range",
	SysEpollCtl:         "epoll_ctl",
	SysIoctl:            "ioctl",
	SysLseek:            "lseek",
	SysLlseek:           "_llseek",
	SysFlock:            "flock",
	SysClone3:           "clone3",
	SysClone:            "clone",
	SysExit:             "exit",
	SysExitGroup:        "exit_group",
	SysWait4:            "wait4",
	SysWaitid:           "waitid",
	SysKill:             "kill",
	SysTgkill:           "tgkill",
	SysGetpid:           "getpid",
	SysGettid:           "gettid",
	SysGetppid:          "getppid",
	SysSetsid:           "setsid",
	SysSetpgid:          "setpgid",
	SysGetpgid:          "getpgid",
	SysGetsid:           "getsid",
	SysFutex:            "futex",
	SysSetRobustList:    "set_robust_list",
	SysGetRobustList:    "get_robust_list",
	SysSetTidAddress:    "set_tid_address",
	SysRseq:             "rseq",
	SysArchPrctl:        "arch_prctl",
	SysPrctl:            "prctl",
	SysPrlimit64:        "prlimit64",
	SysSetrlimit:        "setrlimit",
	SysPersonality:      "personality",
	SysUmask:            "umask",
	SysChdir:            "chdir",
	SysFchdir:           "fchdir",
	SysChroot:           "chroot",
	SysSetitimer:        "setitimer",
	SysGetitimer:        "getitimer",
	SysTimerCreate:      "timer_create",
	SysTimerSettime:     "timer_settime",
	SysTimerGettime:     "timer_gettime",
	SysTimerGetoverrun:  "timer_getoverrun",
	SysTimerDelete:      "timer_delete",
	SysTimerfdSettime:   "timerfd_settime",
	SysClockGettime:     "clock_gettime",
	SysSetresuid:        "setresuid",
	SysSetresgid:        "setresgid",
	SysSetgroups:        "setgroups",
	SysSetfsuid:         "setfsuid",
	SysSetfsgid:         "setfsgid",
	SysCapset:           "capset",
	SysCapget:           "capget",
	SysSeccomp:          "seccomp",
	SysSchedSetattr:     "sched_setattr",
	SysSchedGetattr:     "sched_getattr",
	SysSetpriority:      "setpriority",
	SysSchedSetaffinity: "sched_setaffinity",
	SysIoprioSet:        "ioprio_set",
	SysPtrace:           "ptrace",
	SysUnshare:          "unshare",
	SysSetns:            "setns",
	SysPidfdOpen:        "pidfd_open",
	SysPidfdGetfd:       "pidfd_getfd",
	SysMembarrier:       "membarrier",
	SysGetrandom:        "getrandom",
	SysNanosleep:        "nanosleep",
	SysSchedYield:       "sched_yield",
	SysPpoll:            "ppoll",
	SysExecveat:         "execveat",
	SysPause:            "pause",
	SysFtruncate:        "ftruncate",
	SysFallocate:        "fallocate",
	SysUserfaultfd:      "userfaultfd",
	SysIoSetup:          "io_setup",
	SysIoDestroy:        "io_destroy",
	SysIoSubmit:         "io_submit",
	SysSetThreadArea:    "set_thread_area",
	SysGetThreadArea:    "get_thread_area",
	SysModifyLdt:        "modify_ldt",
	SysCacheflush:       "cacheflush",
	SysSetTls:           "set_tls",
	SysGetcpu:           "getcpu",
	SysGettimeofday:     "gettimeofday",
	SysTime:             "time",
	SysClockGetres:      "clock_getres",
	SysMlock:            "mlock",
	SysMlockall:         "mlockall",
	SysIoprioGet:        "ioprio_get",
	SysMunlock:          "munlock",
	SysMbind:            "mbind",
	SysSetMempolicy:     "set_mempolicy",
	SysSyncFileRange:    "sync_file_range",
	SysClockGettime64:   "clock_gettime64",
	SysClockGetres64:    "clock_getres_time64",
}

// String is the kernel's name of the call.
func (c Call) String() string { return callNames[c] }
