package aarch64

import (
	"bytes"
	"encoding/binary"
)

// Records of signal frames that say that something is not in use (include/uapi/asm/sigcontext.h): a header alone, or a value of 0. One of
// esrMagic holds what the kernel tells a handler, and nothing that it reads again.
const (
	zaMagic     = 0x54366345
	tpidr2Magic = 0x54504902
	fpmrMagic   = 0x46504d52
	esrMagic    = 0x45535201
	emptyRecord = 16
)

// refit is arch.ABI: a kernel or processor without SVE, SME or FPMR takes a frame with a record of them for a broken one, though the record
// says that there is nothing. With them, it is not missed (arch/arm64/kernel/signal.c, parse_user_sigframe, restore_sigframe). In its place
// there is a record that every kernel knows and none looks at: those behind it stay where they are.
func refit(stack []byte) (changed bool) {
	le := binary.LittleEndian
	const step = 8
	for at := 0; at+fpsimdRecord <= len(stack); at += step {
		if le.Uint32(stack[at:]) != fpsimdMagic || le.Uint32(stack[at+4:]) != fpsimdRecord {
			continue
		}
		for _, record := range emptyRecords(stack[at+fpsimdRecord:]) {
			le.PutUint32(record, esrMagic)
			clear(record[8:])
			changed = true
		}
		at += fpsimdRecord - step
	}
	return changed
}

// emptyRecords are those in space that are not needed; none if these are no records, which have an end.
func emptyRecords(space []byte) (list [][]byte) {
	le := binary.LittleEndian
	for at := 0; at+8 <= len(space); {
		magic, size := le.Uint32(space[at:]), le.Uint32(space[at+4:])
		switch {
		case magic == 0 && size == 0:
			return list
		case size < 8 || size%8 != 0 || uint64(size) > uint64(len(space)-at):
			return nil
		}
		record := space[at:][:size]
		at += int(size)
		empty := size == emptyRecord
		switch magic {
		case sveMagic, zaMagic:
		case tpidr2Magic, fpmrMagic:
			empty = empty && bytes.Equal(record[8:], make([]byte, 8))
		case extraMagic: // more of them follow at once, behind an end that is none
			at += terminator
			empty = false
		default:
			empty = false
		}
		if empty {
			list = append(list, record)
		}
	}
	return nil
}
