package arm

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// regspaceOf is the end of a signal frame: records, each a magic number, its size and bytes that differ.
func regspaceOf(records ...[2]uint32) []byte {
	var b []byte
	for _, r := range records {
		at := len(b)
		b = binary.LittleEndian.AppendUint32(b, r[0])
		b = binary.LittleEndian.AppendUint32(b, r[1])
		for len(b) < at+int(r[1]) {
			b = append(b, byte(7*len(b)+1))
		}
	}
	return append(b, make([]byte, regspace+16-len(b))...)
}

func TestRefit(t *testing.T) {
	const iwmmxtMagic, blockSize = 0x12ef842a, 160
	vfp := [2]uint32{vfpMagic, vfpRecord}
	frame := regspaceOf([2]uint32{dummyMagic, blockSize}, vfp)
	record := bytes.Clone(frame[blockSize : blockSize+vfpRecord])
	stack := append(append(make([]byte, 1000), frame...), frame...)
	require.True(t, refit(stack))
	for _, at := range []int{1000, 1000 + len(frame)} {
		require.Equal(t, record, stack[at:at+vfpRecord])
		require.Equal(t, make([]byte, len(frame)-vfpRecord), stack[at+vfpRecord:at+len(frame)])
	}
	require.False(t, refit(stack), "once is enough")

	for name, other := range map[string][]byte{
		"no block":              regspaceOf(vfp),
		"registers of iWMMXt":   regspaceOf([2]uint32{iwmmxtMagic, blockSize}, vfp),
		"no record behind":      regspaceOf([2]uint32{dummyMagic, blockSize}),
		"cut off":               regspaceOf([2]uint32{dummyMagic, blockSize}, vfp)[:blockSize+vfpRecord-8],
		"no size":               regspaceOf([2]uint32{dummyMagic, 0}, vfp),
		"larger than the space": append(regspaceOf([2]uint32{dummyMagic, regspace}), regspaceOf(vfp)...),
	} {
		same := bytes.Clone(other)
		require.False(t, refit(other), name)
		require.Equal(t, same, other, name)
	}
}
