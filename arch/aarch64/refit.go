package aarch64

import (
	"bytes"
	"encoding/binary"
)

// Records of signal frames that say that something is not in use (include/uapi/asm/sigcontext.h): a header alone, or a value of 0.
const (
	zaMagic     = 0x54366345
	tpidr2Magic = 0x54504902
	fpmrMagic   = 0x46504d52
	emptyRecord = 16
)

// refit is arch.ABI: a kernel or processor without SVE, SME or FPMR takes a frame with a record of them for a broken one, though the record
// says that there is nothing. With them, it is not missed (arch/arm64/kernel/signal.c, parse_user_sigframe, restore_sigframe).
func refit(stack []byte) (changed bool) {
	le := binary.LittleEndian
	const step = 8
	for at := 0; at+fpsimdRecord <= len(stack); at += step {
		if le.Uint32(stack[at:]) != fpsimdMagic || le.Uint32(stack[at+4:]) != fpsimdRecord {
			continue
		}
		space := stack[at+fpsimdRecord : min(at+reservedSize, len(stack))]
		if kept, ok := withoutEmpty(space); ok {
			clear(space[copy(space, kept):recordsEnd(space)])
			changed = true
		}
		at += fpsimdRecord - step
	}
	return changed
}

// recordsEnd is where the records in space end, or 0 if these are none.
func recordsEnd(space []byte) int {
	le := binary.LittleEndian
	for at := 0; at+8 <= len(space); {
		magic, size := le.Uint32(space[at:]), le.Uint32(space[at+4:])
		switch {
		case magic == 0 && size == 0:
			return at
		case size < 8 || size%8 != 0 || uint64(size) > uint64(len(space)-at):
			return 0
		}
		at += int(size)
	}
	return 0
}

// withoutEmpty leaves out the records that are not needed; ok says that there are such.
func withoutEmpty(space []byte) (kept []byte, ok bool) {
	le := binary.LittleEndian
	end := recordsEnd(space)
	for at := 0; at < end; {
		magic, size := le.Uint32(space[at:]), int(le.Uint32(space[at+4:]))
		record := space[at:][:size]
		at += size
		empty := size == emptyRecord
		switch magic {
		case sveMagic, zaMagic:
		case tpidr2Magic, fpmrMagic:
			empty = empty && bytes.Equal(record[8:], make([]byte, 8))
		default:
			empty = false
		}
		if empty {
			ok = true
		} else {
			kept = append(kept, record...)
		}
	}
	return kept, ok
}
