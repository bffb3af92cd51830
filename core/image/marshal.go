package image

import (
	"encoding/binary"
	"reflect"
	"slices"
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
			b = appendVarint(b, f.tag)
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
	return f.appendValue(appendVarint(b, f.tag), v, depth)
}

func (f *field) appendPacked(b []byte, v reflect.Value) []byte {
	if v.Len() == 0 {
		return b
	}
	b = appendVarint(b, f.tag)
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
			return appendVarint(b, v.Uint()), nil
		}
		return appendVarint(b, uint64(v.Int())), nil
	case kindZigzag:
		return appendVarint(b, zigzag(v.Int())), nil
	case kindBool:
		if v.Bool() {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case kindFixed32:
		return order.AppendUint32(b, uint32(v.Uint())), nil
	case kindFixed64:
		return order.AppendUint64(b, v.Uint()), nil
	case kindString:
		return appendBytes(b, v.String()), nil
	case kindBytes:
		return appendBytes(b, v.Bytes()), nil
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
	var buf [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(buf[:], uint64(n))
	return slices.Insert(b, start, buf[:size]...)
}
