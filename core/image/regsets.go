package image

import (
	"bytes"
	"fmt"

	"woodfrog/arch"
)

// Notes of register sets (include/uapi/linux/elf.h).
const (
	ntPrstatus          = 1
	ntPrfpreg           = 2
	ntPpcVmx            = 0x100
	ntPpcVsx            = 0x102
	ntArmVfp            = 0x400
	ntArmTLS            = 0x401
	ntArmPacaKeys       = 0x407
	ntArmPacgKeys       = 0x408
	ntArmPacEnabledKeys = 0x40a
)

// Outside of x86 a register set is a row of words, and CRIU's message has a field for each word, or a list for several: *uint64,
// *uint32 and wordList in their order, hole for bytes that have no field. What of a set has no place in the message, because
// CRIU does not know the set or a newer kernel gives more of it, goes whole into the file beside it.

type hole int

type wordList struct {
	field *[]uint64
	n     int // how many there are, or the image is no good
}

// places lists where the message of c has the words of a set; nil if it has none of them. To store makes the messages that are missing.
type places func(c *CoreEntry, note uint32, store bool) []any

func putSets(c *CoreEntry, abi *arch.ABI, regs [][]byte, in places) *XstateEntry {
	rest := &XstateEntry{}
	for i, set := range abi.RegSets {
		b := regs[i]
		if len(b) == 0 || set.ReadOnly {
			continue
		}
		left := storeWords(in(c, set.Note, true), b)
		switch {
		case set.InUse(b):
			if len(left) < len(b) && zero(left) {
				continue
			}
		case set.Kept != nil:
			b = set.Kept(b)
		default:
			continue
		}
		rest.Components = append(rest.Components, &XstateComponent{
			Number: set.Note, Size: uint32(len(b)), Data: bytes.TrimRight(b, "\x00"),
		})
	}
	if rest.Components == nil {
		return nil
	}
	return rest
}

func takeSets(c *CoreEntry, abi *arch.ABI, rest *XstateEntry, sizes []int, in places) ([][]byte, error) {
	regs := make([][]byte, len(abi.RegSets))
	for i, set := range abi.RegSets {
		if set.ReadOnly {
			continue
		}
		b, err := takeSet(c, &set, rest, in)
		switch {
		case err != nil:
			return nil, fmt.Errorf("registers %s: %w", set.Name, err)
		case b == nil:
			continue
		case sizes[i] == 0 && set.Kept != nil && !set.InUse(b):
			continue
		case sizes[i] == 0:
			return nil, fmt.Errorf("registers %s: this processor or kernel has none, the image does", set.Name)
		case set.Varies:
		case len(b) < sizes[i]:
			b = append(b, make([]byte, sizes[i]-len(b))...)
		case len(b) > sizes[i]:
			if !zero(b[sizes[i]:]) {
				return nil, fmt.Errorf("registers %s: %d bytes in the image, %d here", set.Name, len(b), sizes[i])
			}
			b = b[:sizes[i]]
		}
		regs[i] = b
	}
	if regs[0] == nil {
		return nil, fmt.Errorf("registers: missing")
	}
	return regs, nil
}

// StoredSet is what an image has of a register set of a thread; nil: nothing.
func StoredSet(c *CoreEntry, set *arch.RegSet, rest *XstateEntry) ([]byte, error) {
	if in := machineOf(c).in; in != nil {
		return takeSet(c, set, rest, in)
	}
	return nil, nil
}

func takeSet(c *CoreEntry, set *arch.RegSet, rest *XstateEntry, in places) ([]byte, error) {
	if rest != nil {
		for _, x := range rest.Components {
			if x.Number != set.Note {
				continue
			}
			if int64(x.Size) > int64(set.Size) || len(x.Data) > int(x.Size) {
				return nil, fmt.Errorf("%d bytes, of at most %d", max(int64(x.Size), int64(len(x.Data))), set.Size)
			}
			return append(bytes.Clone(x.Data), make([]byte, int(x.Size)-len(x.Data))...), nil
		}
	}
	return readWords(in(c, set.Note, false), set.Size)
}

func storeWords(to []any, b []byte) []byte {
	for _, p := range to {
		switch p := p.(type) {
		case hole:
			b = b[min(int(p), len(b)):]
		case *uint32:
			if len(b) >= 4 {
				*p, b = order.Uint32(b), b[4:]
			}
		case *uint64:
			if len(b) >= 8 {
				*p, b = order.Uint64(b), b[8:]
			}
		case wordList:
			for i := range *p.field {
				if len(b) >= 8 {
					(*p.field)[i], b = order.Uint64(b), b[8:]
				}
			}
		}
	}
	return b
}

func readWords(from []any, size int) ([]byte, error) {
	var b []byte
	for _, p := range from {
		switch p := p.(type) {
		case hole:
			b = append(b, make([]byte, int(p))...)
		case *uint32:
			b = order.AppendUint32(b, *p)
		case *uint64:
			b = order.AppendUint64(b, *p)
		case wordList:
			if len(*p.field) != p.n {
				return nil, fmt.Errorf("%d words of %d", len(*p.field), p.n)
			}
			for _, v := range *p.field {
				b = order.AppendUint64(b, v)
			}
		}
	}
	if from != nil && len(b) > size {
		return nil, fmt.Errorf("%d bytes of fields, %d of registers", len(b), size)
	}
	return b, nil
}

// list is a field for n words; to store makes room for them.
func list(field *[]uint64, n int, store bool) wordList {
	if store {
		*field = make([]uint64, n)
	}
	return wordList{field, n}
}

// made is the message at m; to store makes it.
func made[T any](m **T, store bool) *T {
	if *m == nil && store {
		*m = new(T)
	}
	return *m
}

func zero(b []byte) bool { return len(bytes.TrimRight(b, "\x00")) == 0 }
