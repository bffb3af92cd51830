package kerndat

var features = [NumFeatures]feature{
	CheckpointRestore: {"checkpoint_restore", Required, "CONFIG_CHECKPOINT_RESTORE", "set the fields of an address space", probeCheckpointRestore},
	Clone3SetTid:      {"clone3_set_tid", Required, "5.5", "give tasks their PIDs again", probeClone3SetTid},
	Kcmp:              {"kcmp", Required, "CONFIG_KCMP", "find out what tasks share", probeKcmp},
	Pagemap:           {"pagemap", Required, "CONFIG_PROC_PAGE_MONITOR", "find the pages that hold something", probePagemap},
	Ptrace:            {"ptrace", Required, "3.4", "stop tasks and run code in them", probePtrace},

	MntID:          {"mnt_id", Some, "3.15", "tell which mount a file is on", probeMntID},
	FdinfoLock:     {"fdinfo_lock", Some, "4.1", "file locks", probeFdinfoLock},
	FdinfoTimerfd:  {"timerfd", Some, "3.17", "timerfds", probeFdinfoTimerfd},
	KcmpEpoll:      {"kcmp_epoll", Some, "4.13", "epoll with files under other numbers", probeKcmpEpoll},
	ProcTimers:     {"posix_timers", Some, "CONFIG_POSIX_TIMERS", "POSIX timers", probeProcTimers},
	SeccompSuspend: {"seccomp_suspend", Some, "4.3", "run code in tasks with seccomp filters", probeSeccompSuspend},
	SeccompFilters: {"seccomp_filters", Some, "4.4", "read seccomp filters", probeSeccompFilters},

	MemfdExec:    {"memfd_exec", Better, "3.19", "start the root task from memory", probeMemfdExec},
	MapVDSO:      {"can_map_vdso", Better, "4.9", "map the vDSO at its old address", probeMapVDSO},
	RseqConf:     {"get_rseq_conf", Better, "5.13", "read rseq registrations", probeRseqConf},
	PagemapScan:  {"pagemap_scan", Better, "6.7", "find pages fast", probePagemapScan},
	ProcmapQuery: {"procmap_query", Better, "6.11", "read areas fast", probeProcmapQuery},
	TimerCRIDs:   {"timer_cr_ids", Better, "6.16", "give POSIX timers their ids at once", probeTimerCRIDs},
	Openat2:      {"openat2", Better, "5.6", "open files below another root", probeOpenat2},
}
