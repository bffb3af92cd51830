package image

import (
	"encoding/binary"
	"reflect"
	"slices"
)

// Marshal encodes m.
func Marshal(m Message) ([]byte, error) { return Append([]byte{}, m) }

// Append encodes m and appends it to b.
func Append(b []byte, m Message) ([]byte, error) {
	if m == nil || reflect.ValueOf(m).IsNil() {
		return b, errMissing
	}
	return appendMessage(b, m, 0)
}

func appendMessage(b []byte, m Message, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, errDepth
	}
	tb := m.table()
	var err error
	for i := range tb.fields {
		f := &tb.fields[i]
		if b, err = f.append(b, m.field(f.index), depth); err != nil {
			return b, atField(f.name, err)
		}
	}
	return b, nil
}

// append writes all values of the field at p: none, one, or as many as there are.
func (f *field) append(b []byte, p any, depth int) ([]byte, error) {
	switch p := p.(type) {
	case *uint32:
		return f.appendNumber(b, uint64(*p)), nil
	case *uint64:
		return f.appendNumber(b, *p), nil
	case *int32:
		return f.appendNumber(b, uint64(*p)), nil
	case *int64:
		return f.appendNumber(b, uint64(*p)), nil
	case *bool:
		return f.appendNumber(b, boolNumber(*p)), nil
	case *string:
		return appendBytes(appendVarint(b, f.tag), *p), nil
	case *[]byte:
		if *p == nil && !f.required { // a required field of no bytes is there, and empty
			return b, nil
		}
		return appendBytes(appendVarint(b, f.tag), *p), nil
	case messageField:
		m, ok := p.get()
		if !ok {
			if f.required {
				return b, errMissing
			}
			return b, nil
		}
		return f.appendMessage(b, m, depth)
	case messagesField:
		return f.appendMessages(b, p, depth)
	case *[]uint32:
		return appendNumbers(f, b, *p), nil
	case *[]uint64:
		return appendNumbers(f, b, *p), nil
	case *[]int32:
		return appendNumbers(f, b, *p), nil
	case *[]int64:
		return appendNumbers(f, b, *p), nil
	case *[]string:
		for _, s := range *p {
			b = appendBytes(appendVarint(b, f.tag), s)
		}
		return b, nil
	}
	return f.appendOptional(b, p), nil
}

// appendOptional writes a scalar if it is there.
func (f *field) appendOptional(b []byte, p any) []byte {
	switch p := p.(type) {
	case **uint32:
		if *p != nil {
			return f.appendNumber(b, uint64(**p))
		}
	case **uint64:
		if *p != nil {
			return f.appendNumber(b, **p)
		}
	case **int32:
		if *p != nil {
			return f.appendNumber(b, uint64(**p))
		}
	case **int64:
		if *p != nil {
			return f.appendNumber(b, uint64(**p))
		}
	case **bool:
		if *p != nil {
			return f.appendNumber(b, boolNumber(**p))
		}
	case **string:
		if *p != nil {
			return appendBytes(appendVarint(b, f.tag), **p)
		}
	case enumField:
		if v, ok := p.get(); ok {
			return f.appendNumber(b, uint64(v))
		}
	default:
		panic("image: field " + f.name + ": the generator knows a type that the codec does not")
	}
	return b
}

// appendNumber writes a tag and a number, whose sign goes through all of its bits.
func (f *field) appendNumber(b []byte, v uint64) []byte {
	return f.appendValue(appendVarint(b, f.tag), v)
}

func (f *field) appendValue(b []byte, v uint64) []byte {
	switch f.kind {
	case kindZigzag:
		return appendVarint(b, zigzag(int64(v)))
	case kindFixed32:
		return order.AppendUint32(b, uint32(v))
	case kindFixed64:
		return order.AppendUint64(b, v)
	}
	return appendVarint(b, v)
}

func appendNumbers[T uint32 | uint64 | int32 | int64](f *field, b []byte, all []T) []byte {
	if !f.packed {
		for _, v := range all {
			b = f.appendNumber(b, uint64(v))
		}
		return b
	}
	if len(all) == 0 {
		return b
	}
	b = appendVarint(b, f.tag)
	start := len(b)
	for _, v := range all {
		b = f.appendValue(b, uint64(v))
	}
	return insertLength(b, start)
}

func (f *field) appendMessages(b []byte, p messagesField, depth int) ([]byte, error) {
	for i := range p.len() {
		m, ok := p.at(i)
		if !ok {
			return b, atIndex(i, errMissing)
		}
		var err error
		if b, err = f.appendMessage(b, m, depth); err != nil {
			return b, atIndex(i, err)
		}
	}
	return b, nil
}

func (f *field) appendMessage(b []byte, m Message, depth int) ([]byte, error) {
	b = appendVarint(b, f.tag)
	start := len(b)
	b, err := appendMessage(b, m, depth+1)
	return insertLength(b, start), err
}

func boolNumber(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// insertLength puts the length of b[start:] in front of it.
func insertLength(b []byte, start int) []byte {
	n := len(b) - start
	if n < 0x80 {
		b = append(b, 0)
		copy(b[start+1:], b[start:])
		b[start] = byte(n)
		return b
	}
	var buf [binary.MaxVarintLen64]byte
	size := binary.PutUvarint(buf[:], uint64(n))
	return slices.Insert(b, start, buf[:size]...)
}
