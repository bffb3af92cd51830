package kerndat

var features = [NumFeatures]feature{
	Privileges:        {"privileges", Required, "CAP_SYS_PTRACE, and CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE", "trace tasks of all users", probePrivileges, nil},
	CheckpointRestore: {"checkpoint_restore", Required, "CONFIG_CHECKPOINT_RESTORE", "set the fields of an address space", probeCheckpointRestore, nil},
	Clone3SetTid:      {"clone3_set_tid", Required, "Linux 5.5", "give tasks their PIDs again", probeClone3SetTid, nil},
	Kcmp:              {"kcmp", Required, "CONFIG_KCMP", "find out what tasks share", probeKcmp, nil},
	Pagemap:           {"pagemap", Required, "CONFIG_PROC_PAGE_MONITOR", "find the pages that hold something", probePagemap, nil},
	Ptrace:            {"ptrace", Required, "Linux 3.4", "stop tasks and run code in them", probePtrace, nil},

	MntID:          {"mnt_id", Some, "Linux 3.15", "tell which mount a file is on", probeMntID, nil},
	FdinfoLock:     {"fdinfo_lock", Some, "Linux 4.1", "file locks", probeFdinfoLock, nil},
	FdinfoTimerfd:  {"timerfd", Some, "Linux 3.17", "timerfds", probeFdinfoTimerfd, nil},
	KcmpEpoll:      {"kcmp_epoll", Some, "Linux 4.13", "epoll with files under other numbers", probeKcmpEpoll, nil},
	ProcTimers:     {"posix_timers", Some, "CONFIG_POSIX_TIMERS", "POSIX timers", probeProcTimers, nil},
	SeccompSuspend: {"seccomp_suspend", Some, "Linux 4.3", "run code in tasks with seccomp filters", probeSeccompSuspend, nil},
	SeccompFilters: {"seccomp_filters", Some, "Linux 4.4", "read seccomp filters", probeSeccompFilters, nil},
	CompatCR:       {"compat_cr", Some, "CONFIG_IA32_EMULATION or CONFIG_COMPAT", "32-bit tasks", nil, probeCompat},

	MemfdExec:    {"memfd_exec", Better, "Linux 3.19", "start the root task from memory", probeMemfdExec, nil},
	MapVDSO:      {"can_map_vdso", Better, "Linux 4.9", "map the vDSO at its old address", nil, probeMapVDSO},
	VDSOHint:     {"vdso_hint", Better, "Linux 3.16", "know a vDSO that was moved by its name", nil, probeVDSOHint},
	SigpageMoves: {"sigpage_moves", Some, "Linux 5.13", "arm tasks on arm64: their handlers return to a page that is moved", nil, probeSigpageMoves},
	Droppable:    {"droppable", Better, "Linux 6.11", "keep the state of getrandom in memory of its kind", probeDroppable, nil},
	MDWE:         {"mdwe", Some, "Linux 6.3", "tasks that execute no memory that was written", probeMDWE, nil},
	RseqConf:     {"get_rseq_conf", Better, "Linux 5.13", "read rseq registrations", probeRseqConf, nil},
	PagemapScan:  {"pagemap_scan", Better, "Linux 6.7", "find pages fast", probePagemapScan, nil},
	PagemapGuard: {"pagemap_scan_guard_pages", Some, "Linux 6.15", "guard pages", probePagemapGuard, nil},
	ProcmapQuery: {"procmap_query", Better, "Linux 6.11", "read areas fast", probeProcmapQuery, nil},
	TimerCRIDs:   {"timer_cr_ids", Better, "Linux 6.16", "give POSIX timers their ids at once", probeTimerCRIDs, nil},
	Breakpoints:  {"breakpoints", Better, "CONFIG_HAVE_HW_BREAKPOINT", "let threads out of the vDSO at their own speed", nil, probeBreakpoints},
	Openat2:      {"openat2", Better, "Linux 5.6", "open files below another root", probeOpenat2, nil},
}
