package image

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
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

var kindByName = map[string]kind{
	"uint32": kindVarint, "uint64": kindVarint, "int32": kindVarint, "int64": kindVarint, "enum": kindVarint,
	"sint32": kindZigzag, "sint64": kindZigzag, "bool": kindBool, "fixed32": kindFixed32, "fixed64": kindFixed64,
	"string": kindString, "bytes": kindBytes, "message": kindMessage,
}

func (k kind) wire() protowire.Type {
	switch k {
	case kindFixed32:
		return protowire.Fixed32Type
	case kindFixed64:
		return protowire.Fixed64Type
	case kindString, kindBytes, kindMessage:
		return protowire.BytesType
	}
	return protowire.VarintType
}

// field is one row of a message's table, read from the struct tag that the generator wrote.
type field struct {
	num      protowire.Number
	tag      uint64 // num and wire type as they precede the value
	kind     kind
	name     string // as in the .proto
	index    int    // of the struct field
	required bool
	repeated bool
	packed   bool
	pointer  bool // an optional scalar
	typ      reflect.Type
	words    []string // what follows the name in the tag
}

// table describes one message, its fields sorted by number, which is the order they are written in.
type table struct {
	name   string
	fields []field
	req    int // how many are required
}

// maxFields is what the decoder's set of fields met can hold.
const maxFields = 256

var tables sync.Map // reflect.Type of the struct to *table

func tableOf(t reflect.Type) *table {
	if v, ok := tables.Load(t); ok {
		return v.(*table)
	}
	v, _ := tables.LoadOrStore(t, newTable(t))
	return v.(*table)
}

// newTable panics on a struct that the generator did not write or that is written wrongly: no input can cause that.
func newTable(t reflect.Type) *table {
	if t.NumField() > maxFields {
		panic(fmt.Sprintf("image: %s: %d fields, more than %d", t.Name(), t.NumField(), maxFields))
	}
	tb := &table{name: t.Name(), fields: make([]field, 0, t.NumField())}
	for i := range t.NumField() {
		sf := t.Field(i)
		f, err := parseTag(sf.Tag.Get("pb"))
		if err != nil {
			panic(fmt.Sprintf("image: %s.%s: %v", t.Name(), sf.Name, err))
		}
		f.index, f.typ = i, sf.Type
		if f.repeated || f.kind != kindMessage && sf.Type.Kind() == reflect.Pointer {
			f.typ = sf.Type.Elem()
			f.pointer = !f.repeated
		}
		if f.kind == kindMessage {
			f.typ = f.typ.Elem()
		}
		if f.required {
			tb.req++
		}
		tb.fields = append(tb.fields, f)
	}
	slices.SortFunc(tb.fields, func(a, b field) int { return int(a.num - b.num) })
	return tb
}

func parseTag(tag string) (field, error) {
	words := strings.Fields(tag)
	if len(words) < 4 {
		return field{}, fmt.Errorf("tag %q: too short", tag)
	}
	num, err := strconv.ParseInt(words[0], 10, 32)
	if err != nil {
		return field{}, fmt.Errorf("tag %q: %w", tag, err)
	}
	k, ok := kindByName[words[1]]
	if !ok {
		return field{}, fmt.Errorf("tag %q: unknown kind", tag)
	}
	f := field{num: protowire.Number(num), kind: k, name: words[3], words: words[4:]}
	f.required, f.repeated = words[2] == "req", words[2] == "rep"
	f.packed = slices.Contains(f.words, "packed")
	wire := k.wire()
	if f.packed {
		wire = protowire.BytesType
	}
	f.tag = protowire.EncodeTag(f.num, wire)
	return f, nil
}

// byNumber returns the index of the field with number num, or -1. CRIU numbers fields densely, so the first guess is
// nearly always right.
func (tb *table) byNumber(num protowire.Number) int {
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
