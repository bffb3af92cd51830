package aarch64

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// sets has registers of SVE in use in the mode of set i, of vectors of vl bytes.
func sets(i, vl int) [][]byte {
	all := make([][]byte, len(AArch64.RegSets))
	all[0], all[1] = make([]byte, gprSize), make([]byte, fpsimdSize)
	b := make([]byte, sveHeader, svePT)
	binary.LittleEndian.PutUint16(b[8:], uint16(vl))
	b[12] = sveRegsInUse
	all[i] = append(b, bytes.Repeat([]byte{7}, 32*vl+17*vl/8+16)...)
	return all
}

// Vectors that do not fit into the frame lie behind it, where a record says.
func TestSigframeOfVectors(t *testing.T) {
	le := binary.LittleEndian
	const at = 1 << 20
	for _, c := range []struct {
		set, vl, flags int
		extra          bool
	}{{setSVE, 64, 0, false}, {setSVE, 256, 0, true}, {setSSVE, 64, sveStreaming, false}, {setSSVE, 128, sveStreaming, true}} {
		frame, sp := regs{}.Sigframe(nil, sets(c.set, c.vl), nil, 0, at)
		records := frame[frontRoom+scReserved:]
		require.EqualValues(t, fpsimdMagic, le.Uint32(records))
		records = records[fpsimdRecord:]
		if c.extra {
			require.EqualValues(t, extraMagic, le.Uint32(records))
			require.EqualValues(t, sp+scReserved+fpsimdRecord+extraRecord+terminator, le.Uint64(records[8:]), "it follows at once")
			require.Zero(t, le.Uint64(records[extraRecord:]), "the end of the records before it")
			size := le.Uint32(records[16:])
			records = records[extraRecord+terminator:]
			require.Equal(t, int(size), len(records))
			require.Zero(t, size%16)
		}
		n := 32*c.vl + 17*c.vl/8
		require.EqualValues(t, sveMagic, le.Uint32(records))
		size := int(le.Uint32(records[4:]))
		require.EqualValues(t, c.vl, le.Uint16(records[8:]))
		require.EqualValues(t, c.flags, le.Uint16(records[10:]))
		require.Equal(t, bytes.Repeat([]byte{7}, n), records[sveRecord:sveRecord+n])
		require.Equal(t, make([]byte, terminator), records[size:], "the end")
	}
	frame, _ := regs{}.Sigframe(nil, [][]byte{make([]byte, gprSize), make([]byte, fpsimdSize)}, nil, 0, at)
	require.Len(t, frame, frontRoom+scReserved+fpsimdRecord+terminator)
}

// What is kept of vectors that are not in use is their length.
func TestVectorLength(t *testing.T) {
	set := AArch64.RegSets[setSVE]
	b := sets(setSVE, 128)[setSVE]
	b[2], b[5], b[10], b[12] = 1, 2, 3, sveRegsInUse|2
	h := set.Kept(b)
	require.False(t, set.InUse(h))
	require.True(t, set.InUse(b))
	require.Equal(t, []byte{16, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 2, 0, 0, 0}, h)
	require.Nil(t, set.Kept(nil), "a processor without")
}
