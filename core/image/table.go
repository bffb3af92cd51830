package image

// Message is a pointer to one of this package's message structs.
type Message interface {
	table() *table
	// field returns the address of a field of the struct, as one of the types that field.append knows.
	field(i int) any
}

// messageOf is *T where that is a Message.
type messageOf[T any] interface {
	*T
	Message
}

// one is the address of a field that holds a message. An interface holds it without allocation, as it does a pointer.
type one[T any, M messageOf[T]] struct{ p **T }

func (o one[T, M]) get() (Message, bool) { return M(*o.p), *o.p != nil }

// target is the message, made if there is none: one that comes twice is merged.
func (o one[T, M]) target() Message {
	if *o.p == nil {
		*o.p = new(T)
	}
	return M(*o.p)
}

// many is the address of a field that holds messages.
type many[T any, M messageOf[T]] struct{ p *[]*T }

func (m many[T, M]) len() int                 { return len(*m.p) }
func (m many[T, M]) at(i int) (Message, bool) { return M((*m.p)[i]), (*m.p)[i] != nil }
func (m many[T, M]) add() Message             { e := new(T); *m.p = append(*m.p, e); return M(e) }

// enum is the address of an optional enum.
type enum[E ~int32] struct{ p **E }

func (e enum[E]) get() (int32, bool) {
	if *e.p == nil {
		return 0, false
	}
	return int32(**e.p), true
}

func (e enum[E]) set(v int32) { *e.p = new(E(v)) }

// The same without their type parameters, for the codec.
type (
	messageField interface {
		get() (Message, bool)
		target() Message
	}
	messagesField interface {
		len() int
		at(i int) (Message, bool)
		add() Message
	}
	enumField interface {
		get() (int32, bool)
		set(v int32)
	}
)

// kind is a .proto type as far as the encoding differs.
type kind uint8

const (
	kindVarint kind = iota // uint32, uint64, int32, int64, enum
	kindZigzag             // sint32, sint64
	kindBool
	kindFixed32
	kindFixed64
	kindString
	kindBytes
	kindMessage
)

func (k kind) wire() wireType {
	switch k {
	case kindFixed32:
		return wireFixed32
	case kindFixed64:
		return wireFixed64
	case kindString, kindBytes, kindMessage:
		return wireBytes
	}
	return wireVarint
}

// table describes one message, its fields sorted by number, which is the order they are written in. Tables are constant
// data: reading struct tags instead cost a small dump 0.1 ms.
type table struct {
	name   string
	fields []field
}

// field is one row of a message's table.
type field struct {
	index    int // of the struct field
	num      uint32
	tag      uint64 // number and wire type as they precede the value
	kind     kind
	required bool
	repeated bool
	packed   bool
	name     string // as in the .proto
}

// maxFields is what the decoder's set of fields met can hold.
const maxFields = 128

// byNumber returns the index of the field with number num, or -1. CRIU numbers fields densely, so the first guess is
// nearly always right.
func (tb *table) byNumber(num uint32) int {
	if i := int(num) - 1; i >= 0 && i < len(tb.fields) && tb.fields[i].num == num {
		return i
	}
	for i := range tb.fields {
		if tb.fields[i].num == num {
			return i
		}
	}
	return -1
}
