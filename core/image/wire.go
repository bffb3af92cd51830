package image

import (
	"encoding/binary"
	"errors"
)

// The wire format of protocol buffers (protobuf.dev/programming-guides/encoding). Written out here because importing
// google.golang.org/protobuf/encoding/protowire reads and hashes the running binary at process start, 0.1 ms.

// wireType is how long a value is, the low three bits of its tag.
type wireType uint8

const (
	wireVarint  wireType = 0
	wireFixed64 wireType = 1
	wireBytes   wireType = 2
	wireGroup   wireType = 3 // proto2's groups, that no message of ours has
	wireEnd     wireType = 4
	wireFixed32 wireType = 5
)

// maxNumber is the largest number that a field can have.
const maxNumber = 1<<29 - 1

var (
	errCut      = errors.New("ends in the middle of a value")
	errOverflow = errors.New("number of more than 64 bits")
	errNumber   = errors.New("field number out of range")
	errWire     = errors.New("unknown wire type")
	errGroup    = errors.New("group without its other end")
)

func appendVarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(appendVarint(b, uint64(len(v))), v...)
}

// varint returns the number that b begins with and its size.
func varint(b []byte) (v uint64, n int, err error) {
	if len(b) > 0 && b[0] < 0x80 { // most numbers
		return uint64(b[0]), 1, nil
	}
	return longVarint(b)
}

func longVarint(b []byte) (v uint64, n int, err error) {
	switch v, n = binary.Uvarint(b); {
	case n == 0:
		return 0, 0, errCut
	case n < 0:
		return 0, 0, errOverflow
	}
	return v, n, nil
}

// tagOf returns the field number and wire type that b begins with, and the size of both.
func tagOf(b []byte) (num uint32, wire wireType, n int, err error) {
	v, n, err := varint(b)
	if err != nil {
		return 0, 0, 0, err
	}
	if v>>3 == 0 || v>>3 > maxNumber {
		return 0, 0, 0, errNumber
	}
	return uint32(v >> 3), wireType(v & 7), n, nil
}

// bytesOf returns the bytes whose length b begins with, and the size of both.
func bytesOf(b []byte) (v []byte, n int, err error) {
	size, n, err := varint(b)
	if err != nil {
		return nil, 0, err
	}
	if size > uint64(len(b)-n) {
		return nil, 0, errCut
	}
	end := n + int(size)
	return b[n:end:end], end, nil
}

// valueSize returns the size of a value of any wire type.
func valueSize(b []byte, num uint32, wire wireType, depth int) (n int, err error) {
	switch wire {
	case wireVarint:
		_, n, err = varint(b)
	case wireFixed32:
		n = 4
	case wireFixed64:
		n = 8
	case wireBytes:
		_, n, err = bytesOf(b)
	case wireGroup:
		n, err = groupSize(b, num, depth)
	case wireEnd:
		err = errGroup
	default:
		err = errWire
	}
	if n > len(b) {
		err = errCut
	}
	return n, err
}

// groupSize returns the size of a group up to and with its end.
func groupSize(b []byte, num uint32, depth int) (int, error) {
	if depth > maxDepth {
		return 0, errDepth
	}
	for at := 0; ; {
		inner, wire, n, err := tagOf(b[at:])
		if err != nil {
			return 0, err
		}
		at += n
		if wire == wireEnd {
			if inner != num {
				return 0, errGroup
			}
			return at, nil
		}
		if n, err = valueSize(b[at:], inner, wire, depth+1); err != nil {
			return 0, err
		}
		at += n
	}
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
