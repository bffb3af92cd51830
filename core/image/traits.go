package image

// TraitsEntry is the file woodfrog-traits-PID.img: what CRIU's messages have no field for. A task that has nothing unusual
// has no such file.
//
//	message traits_entry {
//		optional uint32 exit_signal = 1;
//		repeated thread_traits threads = 2;
//		optional uint32 coredump_filter = 3;
//		optional uint32 mlockall = 4;
//		repeated area_name names = 5;
//		optional uint32 mdwe = 6;
//		optional bool memory_merge = 7;
//	}
type TraitsEntry struct {
	ExitSignal     *uint32 // that its parent gets; nil: SIGCHLD
	Threads        []*ThreadTraits
	CoredumpFilter *uint32 // nil: the kernel's default
	Mlockall       *uint32 // the flags of mlockall(2) for areas to come; nil: they are not locked
	Names          []*AreaName
	MDWE           *uint32 // the bits of PR_SET_MDWE: memory that was written is not executed; nil: it may be
	MemoryMerge    *bool   // pages of all its memory may be merged (PR_SET_MEMORY_MERGE); nil: of areas that say so
}

// ThreadTraits belong to a thread.
//
//	message thread_traits {
//		required uint32 tid = 1;
//		optional uint64 timer_slack = 2;
//		optional uint32 io_priority = 3;
//		optional bytes cpus = 4;
//		repeated prctl prctls = 5;
//		optional uint32 personality = 6;
//		optional uint32 mce_kill = 7;
//	}
type ThreadTraits struct {
	Tid         uint32
	TimerSlack  *uint64 // ns; nil: the kernel's default
	IOPriority  *uint32 // as ioprio_set(2) takes it; nil: that of the nice value
	CPUs        []byte  // that it may run on, one bit each, the first is bit 0; nil: those of whoever restores
	Prctls      []*Prctl
	Personality *uint32 // nil: the leader's
	MCEKill     *uint32 // PR_MCE_KILL_EARLY or LATE: when it is told that memory of its has failed; nil: as the kernel is set up
}

// Prctl is a state of a thread on processors that have it.
//
//	message prctl { required uint32 option = 1; required uint32 value = 2; }
type Prctl struct {
	Option uint32 // of prctl(2), that sets it
	Value  uint32
}

// AreaName is the name of anonymous memory (PR_SET_VMA_ANON_NAME).
//
//	message area_name { required uint64 start = 1; required uint64 end = 2; required string name = 3; }
type AreaName struct {
	Start, End uint64
	Name       string
}

func (*TraitsEntry) table() *table { return &tableTraitsEntry }

var tableTraitsEntry = table{name: "traits_entry", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "exit_signal"},
	{index: 1, num: 2, tag: 18, kind: kindMessage, name: "threads", repeated: true},
	{index: 2, num: 3, tag: 24, kind: kindVarint, name: "coredump_filter"},
	{index: 3, num: 4, tag: 32, kind: kindVarint, name: "mlockall"},
	{index: 4, num: 5, tag: 42, kind: kindMessage, name: "names", repeated: true},
	{index: 5, num: 6, tag: 48, kind: kindVarint, name: "mdwe"},
	{index: 6, num: 7, tag: 56, kind: kindBool, name: "memory_merge"},
}}

func (m *TraitsEntry) field(i int) any {
	switch i {
	case 0:
		return &m.ExitSignal
	case 1:
		return many[ThreadTraits, *ThreadTraits]{&m.Threads}
	case 2:
		return &m.CoredumpFilter
	case 3:
		return &m.Mlockall
	case 5:
		return &m.MDWE
	case 6:
		return &m.MemoryMerge
	}
	return many[AreaName, *AreaName]{&m.Names}
}

func (*ThreadTraits) table() *table { return &tableThreadTraits }

var tableThreadTraits = table{name: "thread_traits", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "tid", required: true},
	{index: 1, num: 2, tag: 16, kind: kindVarint, name: "timer_slack"},
	{index: 2, num: 3, tag: 24, kind: kindVarint, name: "io_priority"},
	{index: 3, num: 4, tag: 34, kind: kindBytes, name: "cpus"},
	{index: 4, num: 5, tag: 42, kind: kindMessage, name: "prctls", repeated: true},
	{index: 5, num: 6, tag: 48, kind: kindVarint, name: "personality"},
	{index: 6, num: 7, tag: 56, kind: kindVarint, name: "mce_kill"},
}}

func (m *ThreadTraits) field(i int) any {
	return [...]any{&m.Tid, &m.TimerSlack, &m.IOPriority, &m.CPUs, many[Prctl, *Prctl]{&m.Prctls}, &m.Personality, &m.MCEKill}[i]
}

func (*Prctl) table() *table { return &tablePrctl }

var tablePrctl = table{name: "prctl", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "option", required: true},
	{index: 1, num: 2, tag: 16, kind: kindVarint, name: "value", required: true},
}}

func (m *Prctl) field(i int) any { return [2]any{&m.Option, &m.Value}[i] }

func (*AreaName) table() *table { return &tableAreaName }

var tableAreaName = table{name: "area_name", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "start", required: true},
	{index: 1, num: 2, tag: 16, kind: kindVarint, name: "end", required: true},
	{index: 2, num: 3, tag: 26, kind: kindString, name: "name", required: true},
}}

func (m *AreaName) field(i int) any {
	return [3]any{&m.Start, &m.End, &m.Name}[i]
}
