package image

import (
	"fmt"
	"math"
)

// Unmarshal decodes b into m, which should be zero. Fields that the message does not know are skipped: a newer CRIU may have
// written them. Nothing in m refers to b afterwards, and what an error leaves in m means nothing.
func Unmarshal(b []byte, m Message) error { return readMessage(b, m, 0) }

func readMessage(b []byte, m Message, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	tb := m.table()
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
		if n, err = f.read(b, wire, m.field(f.index), depth); err != nil {
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

// read decodes one value, or one run of packed values, into the field at p and returns its size.
func (f *field) read(b []byte, wire wireType, p any, depth int) (n int, err error) {
	switch p := p.(type) {
	case *[]uint32:
		return readNumbers(f, b, wire, p)
	case *[]uint64:
		return readNumbers(f, b, wire, p)
	case *[]int32:
		return readNumbers(f, b, wire, p)
	case *[]int64:
		return readNumbers(f, b, wire, p)
	}
	if want := f.kind.wire(); wire != want {
		return 0, wrongWire(wire, want)
	}
	if want := f.kind.wire(); want != wireBytes {
		v, n, err := f.number(b)
		if err != nil {
			return 0, err
		}
		return n, setNumber(p, v)
	}
	v, n, err := bytesOf(b)
	if err != nil {
		return 0, err
	}
	switch p := p.(type) {
	case *string:
		*p = string(v)
	case **string:
		*p = new(string(v))
	case *[]string:
		*p = append(*p, string(v))
	case *[]byte:
		*p = append([]byte{}, v...)
	case messageField:
		return n, readMessage(v, p.target(), depth+1)
	case messagesField:
		if err := readMessage(v, p.add(), depth+1); err != nil {
			return 0, atIndex(p.len()-1, err)
		}
	}
	return n, nil
}

func wrongWire(got, want wireType) error { return fmt.Errorf("wire type %d: want %d", got, want) }

// number decodes one number, whose sign then goes through all bits.
func (f *field) number(b []byte) (v uint64, n int, err error) {
	switch f.kind {
	case kindFixed32:
		if len(b) < 4 {
			return 0, 0, errCut
		}
		return uint64(order.Uint32(b)), 4, nil
	case kindFixed64:
		if len(b) < 8 {
			return 0, 0, errCut
		}
		return order.Uint64(b), 8, nil
	}
	v, n, err = varint(b)
	if f.kind == kindZigzag {
		v = uint64(unzigzag(v))
	}
	return v, n, err
}

// setNumber stores v at p and refuses what 32 bits cannot hold.
func setNumber(p any, v uint64) (err error) {
	switch p := p.(type) {
	case *uint64:
		*p = v
	case **uint64:
		*p = new(v)
	case *int64:
		*p = int64(v)
	case **int64:
		*p = new(int64(v))
	case *bool:
		*p = v != 0
	case **bool:
		*p = new(v != 0)
	case *uint32:
		*p, err = narrow[uint32](v)
	case **uint32:
		u, err := narrow[uint32](v)
		*p = new(u)
		return err
	case *int32:
		*p, err = narrow[int32](v)
	case **int32:
		i, err := narrow[int32](v)
		*p = new(i)
		return err
	case enumField:
		i, err := narrow[int32](v)
		p.set(i)
		return err
	}
	return err
}

// narrow returns v as a type of fewer bits. A negative number may have come in 64 bits, or in 32 where its writer was sparing.
func narrow[T uint32 | uint64 | int32 | int64](v uint64) (T, error) {
	t := T(v)
	if uint64(t) == v || t < 0 && v <= math.MaxUint32 {
		return t, nil
	}
	return 0, fmt.Errorf("%#x: more than 32 bits", v)
}

// readNumbers decodes one number of a repeated field, and those that follow it with the same tag; or a packed run of them.
func readNumbers[T uint32 | uint64 | int32 | int64](f *field, b []byte, wire wireType, p *[]T) (int, error) {
	want := f.kind.wire()
	if wire == wireBytes {
		run, n, err := bytesOf(b)
		for err == nil && len(run) > 0 {
			var used int
			used, err = readOne(f, run, p)
			run = run[used:]
		}
		return n, err
	}
	if wire != want {
		return 0, wrongWire(wire, want)
	}
	at, err := readOne(f, b, p)
	for err == nil {
		tag, n, terr := varint(b[at:])
		if terr != nil || tag != f.tag {
			return at, nil // another field, or what its reader will complain of
		}
		var used int
		used, err = readOne(f, b[at+n:], p)
		at += n + used
	}
	return 0, err
}

func readOne[T uint32 | uint64 | int32 | int64](f *field, b []byte, p *[]T) (int, error) {
	v, n, err := f.number(b)
	if err != nil {
		return 0, atIndex(len(*p), err)
	}
	t, err := narrow[T](v)
	if err != nil {
		return 0, atIndex(len(*p), err)
	}
	*p = append(*p, t)
	return n, nil
}
