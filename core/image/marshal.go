package image

import (
	"reflect"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Marshal encodes m.
func Marshal(m Message) ([]byte, error) { return Append([]byte{}, m) }

// Append encodes m and appends it to b.
func Append(b []byte, m Message) ([]byte, error) { return appendMessage(b, m, 0) }

func appendMessage(b []byte, m Message, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, errDepth
	}
	tb, v := m.table(), reflect.ValueOf(m).Elem()
	var err error
	for i := range tb.fields {
		f := &tb.fields[i]
		if b, err = f.append(b, v.Field(f.index), depth); err != nil {
			return b, atField(f.name, err)
		}
	}
	return b, nil
}

// append writes all values of the field: none, one, or as many as the slice holds.
func (f *field) append(b []byte, v reflect.Value, depth int) ([]byte, error) {
	switch {
	case f.packed:
		return f.appendPacked(b, v), nil
	case f.repeated:
		var err error
		for i := range v.Len() {
			b = protowire.AppendVarint(b, f.tag)
			if b, err = f.appendValue(b, v.Index(i), depth); err != nil {
				return b, atIndex(i, err)
			}
		}
		return b, nil
	case f.required && f.kind == kindBytes:
		// A required field of no bytes is there, and empty.
	case f.pointer || f.kind == kindMessage || f.kind == kindBytes:
		if v.IsNil() {
			if f.required {
				return b, errMissing
			}
			return b, nil
		}
		if f.pointer {
			v = v.Elem()
		}
	}
	return f.appendValue(protowire.AppendVarint(b, f.tag), v, depth)
}

func (f *field) appendPacked(b []byte, v reflect.Value) []byte {
	if v.Len() == 0 {
		return b
	}
	b = protowire.AppendVarint(b, f.tag)
	start := len(b)
	for i := range v.Len() {
		b, _ = f.appendValue(b, v.Index(i), 0) // packed values are scalars, which cannot fail
	}
	return insertLength(b, start)
}

func (f *field) appendValue(b []byte, v reflect.Value, depth int) ([]byte, error) {
	switch f.kind {
	case kindVarint:
		if v.CanUint() {
			return protowire.AppendVarint(b, v.Uint()), nil
		}
		return protowire.AppendVarint(b, uint64(v.Int())), nil
	case kindZigzag:
		return protowire.AppendVarint(b, protowire.EncodeZigZag(v.Int())), nil
	case kindBool:
		return protowire.AppendVarint(b, protowire.EncodeBool(v.Bool())), nil
	case kindFixed32:
		return protowire.AppendFixed32(b, uint32(v.Uint())), nil
	case kindFixed64:
		return protowire.AppendFixed64(b, v.Uint()), nil
	case kindString:
		return protowire.AppendString(b, v.String()), nil
	case kindBytes:
		return protowire.AppendBytes(b, v.Bytes()), nil
	}
	if v.IsNil() {
		return b, errMissing
	}
	start := len(b)
	b, err := appendMessage(b, v.Interface().(Message), depth+1)
	return insertLength(b, start), err
}

// insertLength puts the length of b[start:] in front of it.
func insertLength(b []byte, start int) []byte {
	n := len(b) - start
	size := protowire.SizeVarint(uint64(n))
	b = slices.Grow(b, size)[:len(b)+size]
	copy(b[start+size:], b[start:start+n])
	protowire.AppendVarint(b[:start], uint64(n))
	return b
}
