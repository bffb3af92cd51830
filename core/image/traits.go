package image

// TraitsEntry is the file woodfrog-traits-PID.img: what CRIU's messages have no field for. A task that has nothing unusual
// has no such file.
//
//	message traits_entry { optional uint32 exit_signal = 1; repeated thread_traits threads = 2; }
type TraitsEntry struct {
	ExitSignal *uint32 // that its parent gets; nil: SIGCHLD
	Threads    []*ThreadTraits
}

// ThreadTraits belong to a thread.
//
//	message thread_traits { required uint32 tid = 1; required uint64 timer_slack = 2; }
type ThreadTraits struct {
	Tid        uint32
	TimerSlack uint64 // ns
}

func (*TraitsEntry) table() *table { return &tableTraitsEntry }

var tableTraitsEntry = table{name: "traits_entry", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "exit_signal"},
	{index: 1, num: 2, tag: 18, kind: kindMessage, name: "threads", repeated: true},
}}

func (m *TraitsEntry) field(i int) any {
	if i == 0 {
		return &m.ExitSignal
	}
	return many[ThreadTraits, *ThreadTraits]{&m.Threads}
}

func (*ThreadTraits) table() *table { return &tableThreadTraits }

var tableThreadTraits = table{name: "thread_traits", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "tid", required: true},
	{index: 1, num: 2, tag: 16, kind: kindVarint, name: "timer_slack", required: true},
}}

func (m *ThreadTraits) field(i int) any {
	return [2]any{&m.Tid, &m.TimerSlack}[i]
}
