package aarch64

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// record is a magic number, the size, and a value at the start of what follows.
func record(magic uint32, size int, value uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint64(b, value)
	return append(b, make([]byte, max(size-16, 0))...)
}

func reserved(records ...[]byte) []byte {
	b := bytes.Join(records, nil)
	return append(b, make([]byte, reservedSize-len(b))...)
}

func TestRefit(t *testing.T) {
	fpsimd := record(fpsimdMagic, fpsimdRecord, 7)
	esr, sve, za := record(esrMagic, 16, 1), record(sveMagic, 16, 64), record(zaMagic, 16, 32)
	noTPIDR2, noFPMR := record(tpidr2Magic, 16, 0), record(fpmrMagic, 16, 0)
	gone := record(esrMagic, 16, 0)
	extra := append(record(extraMagic, 32, 1), make([]byte, 16)...)
	for name, c := range map[string]struct{ in, out []byte }{
		"of Linux 7.2 on a processor with SME": {reserved(fpsimd, sve, noTPIDR2, za), reserved(fpsimd, gone, gone, gone)},
		"in between":                           {reserved(fpsimd, noTPIDR2, esr, noFPMR), reserved(fpsimd, gone, esr, gone)},
		"vectors":                              {reserved(fpsimd, record(sveMagic, 512, 64), za), reserved(fpsimd, record(sveMagic, 512, 64), gone)},
		"more behind it":                       {reserved(fpsimd, za, extra, record(sveMagic, 512, 64), noFPMR), reserved(fpsimd, gone, extra, record(sveMagic, 512, 64), gone)},
	} {
		for _, before := range []int{0, 8, 1000} {
			stack := append(append(bytes.Repeat([]byte{1}, before), c.in...), c.in...)
			require.True(t, refit(stack), name)
			require.Equal(t, append(append(bytes.Repeat([]byte{1}, before), c.out...), c.out...), stack, name)
			require.False(t, refit(stack), "once is enough")
		}
	}
	for name, same := range map[string][]byte{
		"nothing to leave out": reserved(fpsimd, esr),
		"in use":               reserved(fpsimd, record(sveMagic, 512, 64), record(zaMagic, 1024, 32), record(tpidr2Magic, 16, 1), record(fpmrMagic, 16, 1)),
		"nothing behind it":    reserved(fpsimd, extra),
		"no end":               append(bytes.Clone(fpsimd), sve...),
		"too long":             reserved(fpsimd, sve, record(zaMagic, 16, 0)[:4], []byte{0xff, 0xff, 0xff, 0xff}),
		"no size":              reserved(fpsimd, sve, []byte{1, 0, 0, 0, 0, 0, 0, 0}),
		"no frame":             reserved(esr, sve),
		"cut off":              fpsimd[:fpsimdRecord-8],
	} {
		got := bytes.Clone(same)
		require.False(t, refit(got), name)
		require.Equal(t, same, got, name)
	}
}
