package image

import (
	"fmt"
	"math"
	"reflect"
)

// Unmarshal decodes b into m, which should be zero. Fields that the message does not know are
// skipped: a newer CRIU may have written them. Nothing in m refers to b afterwards.
func Unmarshal(b []byte, m Message) error { return readMessage(b, m, 0) }

func readMessage(b []byte, m Message, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	tb, v := m.table(), reflect.ValueOf(m).Elem()
	var seen [maxFields / 64]uint64 // bits of the fields met, by their place in the table
	for len(b) > 0 {
		num, wire, n, err := tagOf(b)
		if err != nil {
			return err
		}
		b = b[n:]
		i := tb.byNumber(num)
		if i < 0 {
			if n, err = valueSize(b, num, wire, depth); err != nil {
				return atField(fmt.Sprintf("field %d", num), err)
			}
			b = b[n:]
			continue
		}
		f := &tb.fields[i]
		if n, err = f.read(b, wire, v.Field(f.index), depth); err != nil {
			return atField(f.name, err)
		}
		seen[i/64] |= 1 << (i % 64)
		b = b[n:]
	}
	for i := range tb.fields {
		if tb.fields[i].required && seen[i/64]&(1<<(i%64)) == 0 {
			return atField(tb.fields[i].name, errMissing)
		}
	}
	return nil
}

// read decodes one value, or one run of packed values, into the struct field v and returns its size.
func (f *field) read(b []byte, wire wireType, v reflect.Value, depth int) (int, error) {
	if !f.repeated {
		return f.readValue(b, wire, f.target(v), depth)
	}
	if wire == wireBytes && f.kind.wire() != wireBytes {
		return f.readPacked(b, v)
	}
	i := v.Len()
	v.Grow(1)
	v.SetLen(i + 1)
	elem := v.Index(i)
	if f.kind == kindMessage {
		elem.Set(reflect.New(elem.Type().Elem()))
	}
	n, err := f.readValue(b, wire, elem, depth)
	if err != nil {
		return 0, atIndex(i, err)
	}
	return n, nil
}

// target returns what a single value is decoded into, allocated where the struct holds a pointer. A message that comes
// twice is merged, as protobuf wants it.
func (f *field) target(v reflect.Value) reflect.Value {
	if !f.pointer && f.kind != kindMessage {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	if f.pointer {
		return v.Elem()
	}
	return v
}

func (f *field) readPacked(b []byte, v reflect.Value) (int, error) {
	run, n, err := bytesOf(b)
	if err != nil {
		return 0, err
	}
	for len(run) > 0 {
		i := v.Len()
		v.Grow(1)
		v.SetLen(i + 1)
		used, err := f.readValue(run, f.kind.wire(), v.Index(i), 0)
		if err != nil {
			return 0, atIndex(i, err)
		}
		run = run[used:]
	}
	return n, nil
}

func (f *field) readValue(b []byte, wire wireType, v reflect.Value, depth int) (int, error) {
	if want := f.kind.wire(); wire != want {
		return 0, fmt.Errorf("wire type %d: want %d", wire, want)
	}
	switch f.kind {
	case kindFixed32:
		if len(b) < 4 {
			return 0, errCut
		}
		return 4, setNumber(v, uint64(order.Uint32(b)))
	case kindFixed64:
		if len(b) < 8 {
			return 0, errCut
		}
		return 8, setNumber(v, order.Uint64(b))
	case kindVarint, kindBool, kindZigzag:
		x, n, err := varint(b)
		if err != nil {
			return 0, err
		}
		if f.kind == kindZigzag {
			x = uint64(unzigzag(x))
		}
		return n, setNumber(v, x)
	}
	x, n, err := bytesOf(b)
	if err != nil {
		return 0, err
	}
	switch f.kind {
	case kindString:
		v.SetString(string(x))
	case kindBytes:
		v.SetBytes(append([]byte{}, x...))
	case kindMessage:
		return n, readMessage(x, v.Interface().(Message), depth+1)
	}
	return n, nil
}

// setNumber stores x and refuses what a 32-bit field cannot hold.
func setNumber(v reflect.Value, x uint64) error {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(x != 0)
	case reflect.Uint64:
		v.SetUint(x)
	case reflect.Int64:
		v.SetInt(int64(x))
	case reflect.Uint32:
		if x > math.MaxUint32 {
			return fmt.Errorf("%#x: more than 32 bits", x)
		}
		v.SetUint(x)
	default: // int32 and enums, of which a negative one takes 64 bits, or 32 where its writer was sparing
		if int64(x) != int64(int32(x)) && x > math.MaxUint32 {
			return fmt.Errorf("%#x: more than 32 bits", x)
		}
		v.SetInt(int64(int32(x)))
	}
	return nil
}
