package image

import (
	"math/bits"
	"strconv"
	"strings"
)

// Kind is one kind of image file: its name, its magic number and the message it holds. Constants are named like CRIU's
// (criu/image-desc.c), as are the files.
type Kind uint8

// kindRow describes a Kind.
type kindRow struct {
	prefix string // of the file name, all of it where there is no id
	base   int    // of the id in the name, 0 where there is none
	suffix string
	magic  uint32 // 0: the file has no header, it is not ours to parse
	// service files begin with another common magic: they tell of a dump and are not part of it.
	service bool
	sealed  bool           // each entry is wrapped with a checksum, see seal.go
	entry   func() Message // a new message of the file's first entry
	payload payload
}

// Common magics of format 1.1, ahead of the file's own in all files but the inventory (criu/include/magic.h).
const (
	magicCommon  = 0x54564319
	magicService = 0x55105940
)

// payload says what follows a message in a file.
type payload uint8

const (
	payloadNone  payload = iota
	payloadSized         // raw bytes, as many as the message says
	payloadRest          // raw bytes up to the end of the file
	payloadOther         // entries of another message
)

// String returns the file's name with N for an id.
func (k Kind) String() string {
	r := &kinds[k]
	if r.base == 0 {
		return r.prefix + r.suffix
	}
	return r.prefix + "N" + r.suffix
}

// FileName returns the name of the file of kind k for id, which is ignored where the kind has none. An id is written as
// C's unsigned long of the running machine, as CRIU does.
func (k Kind) FileName(id int) string {
	r := &kinds[k]
	if r.base == 0 {
		return r.prefix + r.suffix
	}
	var buf [64]byte
	b := append(buf[:0], r.prefix...)
	b = strconv.AppendUint(b, uint64(uint(id)), r.base)
	return string(append(b, r.suffix...))
}

// New returns a new message as the first entry of a file of kind k has it, or nil for a file without messages.
func (k Kind) New() Message {
	if kinds[k].entry == nil {
		return nil
	}
	return kinds[k].entry()
}

// ParseName tells which kind and id a file name stands for.
func ParseName(name string) (k Kind, id int, ok bool) {
	for k := Inventory; k < numKinds; k++ {
		r := &kinds[k]
		mid, ok := strings.CutPrefix(name, r.prefix)
		if !ok {
			continue
		}
		if mid, ok = strings.CutSuffix(mid, r.suffix); !ok {
			continue
		}
		if r.base == 0 {
			if mid == "" {
				return k, 0, true
			}
			continue
		}
		if n, err := strconv.ParseUint(mid, r.base, bits.UintSize); err == nil && k.FileName(int(n)) == name {
			return k, int(n), true
		}
	}
	return 0, 0, false
}

// header appends the magic numbers that a file of kind k begins with.
func (k Kind) header(b []byte) []byte {
	r := &kinds[k]
	switch {
	case r.magic == 0:
		return b
	case k == Inventory:
	case r.service:
		b = order.AppendUint32(b, magicService)
	default:
		b = order.AppendUint32(b, magicCommon)
	}
	return order.AppendUint32(b, r.magic)
}
