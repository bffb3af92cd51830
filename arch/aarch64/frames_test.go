package aarch64

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// frameAt is the address of the frame that these tests lay out.
const frameAt = 0xffff_0000_1000

func handlerFrame() (b, gpr, vectors []byte) {
	gpr, vectors = make([]byte, gprSize), make([]byte, fpsimdSize)
	for i := range gpr {
		gpr[i] = byte(i)
	}
	for i := range vectors[:fpsimdRegs+fpsimdWords] {
		vectors[i] = byte(3 * i)
	}
	set(gpr, rSP, frameAt+0x2000)
	set(gpr, rPC, 0xffff_0000_8344)
	set(gpr, rPstate, 0x60001000)
	b, _ = regs{}.Sigframe(nil, [][]byte{gpr, vectors}, nil, 0x4000, frameAt-frontRoom)
	b = b[frontRoom:]
	binary.LittleEndian.PutUint32(b, 14)
	return b, gpr, vectors
}

func TestFrame(t *testing.T) {
	b, gpr, vectors := handlerFrame()
	require.Zero(t, frames{}.Find(b))
	require.Equal(t, 16, frames{}.Find(append(make([]byte, 16), b...)))
	require.Negative(t, frames{}.Find(b[:scReserved]))
	f, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
	require.Equal(t, 14, f.Signal)
	require.Equal(t, uint64(0x4000), f.Mask)
	require.Zero(t, f.Restorer)
	require.Equal(t, gpr, f.GPR)

	stored := b[f.Vectors-frameAt:][:f.VectorSize]
	require.Equal(t, vectors, frames{}.Vectors(make([]byte, fpsimdSize), stored))
	vectors[0], vectors[fpsimdRegs] = 77, 78
	frames{}.StoreVectors(stored, vectors)
	require.Equal(t, vectors, frames{}.Vectors(make([]byte, fpsimdSize), stored))
	set(f.GPR, rPC, 0x402000)
	frames{}.Store(b, f.GPR)
	again, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
	require.Equal(t, f, again)
}

func TestNoFrame(t *testing.T) {
	for name, c := range map[string]struct {
		off int
		v   uint64
	}{
		"flags":       {ucFlags, 8},
		"link":        {ucLink, 1},
		"stack below": {scRegs + 8*rSP, frameAt},
		"mode":        {scRegs + 8*rPstate, 5},
	} {
		b, _, _ := handlerFrame()
		binary.LittleEndian.PutUint64(b[c.off:], c.v)
		_, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
		require.False(t, ok, name)
	}
	b, _, _ := handlerFrame()
	_, ok := frames{}.Parse(b, frameAt+8, make([]byte, gprSize))
	require.False(t, ok, "address")

	set(b[scRegs:], rSP, 0x10000) // another stack
	binary.LittleEndian.PutUint64(b[ucStack:], frameAt-0x1000)
	binary.LittleEndian.PutUint64(b[ucStack+16:], 0x8000)
	_, ok = frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
}
