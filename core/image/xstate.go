package image

// XstateEntry is the file woodfrog-xstate-TID.img: the parts of a thread's extended state that CRIU's message has no field
// for, such as the AMX tiles.
//
//	message xstate_entry { repeated xstate_component components = 1; }
type XstateEntry struct {
	Components []*XstateComponent
}

// XstateComponent is one state component of XSAVE.
//
//	message xstate_component { required uint32 number = 1; required uint32 size = 2; required bytes data = 3; }
type XstateComponent struct {
	Number uint32 // its bit in XSTATE_BV
	Size   uint32 // in bytes, as CPUID gave it where the state was saved
	Data   []byte // without trailing zeroes
}

func (*XstateEntry) table() *table { return &tableXstateEntry }

var tableXstateEntry = table{name: "xstate_entry", fields: []field{
	{index: 0, num: 1, tag: 10, kind: kindMessage, name: "components", repeated: true},
}}

func (m *XstateEntry) field(int) any { return many[XstateComponent, *XstateComponent]{&m.Components} }

func (*XstateComponent) table() *table { return &tableXstateComponent }

var tableXstateComponent = table{name: "xstate_component", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "number", required: true},
	{index: 1, num: 2, tag: 16, kind: kindVarint, name: "size", required: true},
	{index: 2, num: 3, tag: 26, kind: kindBytes, name: "data", required: true},
}}

func (m *XstateComponent) field(i int) any {
	return [3]any{&m.Number, &m.Size, &m.Data}[i]
}
