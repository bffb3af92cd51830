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

// frameAt is the address of the frame that these tests lay out.
const frameAt = 0xfff0_1000

func handlerFrame() (b, gpr, vectors []byte) {
	gpr, vectors = make([]byte, gprSize), make([]byte, vfpSize)
	for i := range gpr[:frameRegs] {
		gpr[i] = byte(i)
	}
	for i := range vectors {
		vectors[i] = byte(3 * i)
	}
	set(gpr, rSP, frameAt+0x2000)
	set(gpr, rPC, 0xf7f0_8344)
	set(gpr, rCPSR, 0x60000030)
	b, _ = regs{}.Sigframe(nil, [][]byte{gpr, vectors}, nil, 0x4000, frameAt-frontRoom)
	b = b[frontRoom:]
	binary.LittleEndian.PutUint32(b, 14)
	return b, gpr, vectors
}

func TestFrame(t *testing.T) {
	b, gpr, vectors := handlerFrame()
	require.Zero(t, frames{}.Find(b))
	require.Equal(t, 16, frames{}.Find(append(make([]byte, 16), b...)))
	require.Negative(t, frames{}.Find(b[:ucRegspace]))
	f, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
	require.Equal(t, 14, f.Signal)
	require.Equal(t, uint64(0x4000), f.Mask)
	require.Equal(t, gpr, f.GPR)

	stored := b[f.Vectors-frameAt:][:f.VectorSize]
	require.Equal(t, vectors, frames{}.Vectors(make([]byte, vfpSize), stored))
	vectors[0], vectors[vfpSize-1] = 77, 78
	frames{}.StoreVectors(stored, vectors)
	require.Equal(t, vectors, stored)
	set(f.GPR, rPC, 0x402000)
	frames{}.Store(b, f.GPR)
	again, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
	require.Equal(t, f, again)
}

// A kernel for iWMMXt has that block in front of the VFP registers, and nothing else is different.
func TestFrameWithBlock(t *testing.T) {
	b, gpr, vectors := handlerFrame()
	copy(b[ucRegspace+iwmmxt:], b[ucRegspace:][:vfpRecord])
	binary.LittleEndian.PutUint32(b[ucRegspace:], dummyMagic)
	binary.LittleEndian.PutUint32(b[ucRegspace+4:], iwmmxt)
	require.Equal(t, 16, frames{}.Find(append(make([]byte, 16), b...)))
	f, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
	require.Equal(t, gpr, f.GPR)
	require.Equal(t, vectors, b[f.Vectors-frameAt:][:f.VectorSize])
}

// The frame of a handler without SA_SIGINFO has no siginfo, and nothing that says where the alternate stack is.
func TestPlainFrame(t *testing.T) {
	for _, block := range []int{0, iwmmxt} {
		b, gpr, vectors := handlerFrame()
		if block != 0 {
			copy(b[ucRegspace+iwmmxt:], b[ucRegspace:][:vfpRecord])
			binary.LittleEndian.PutUint32(b[ucRegspace:], dummyMagic)
			binary.LittleEndian.PutUint32(b[ucRegspace+4:], iwmmxt)
		}
		b = b[frameUcontext:]
		binary.LittleEndian.PutUint32(b, plainFlags)
		binary.LittleEndian.PutUint32(b[ucLink-frameUcontext:], 0xdead) // never written to
		require.Zero(t, frames{}.Find(b))
		require.Equal(t, 200, frames{}.Find(append(make([]byte, 200), b...)))
		f, ok := frames{}.Parse(append(b, make([]byte, frames{}.Size())...), frameAt, make([]byte, gprSize))
		require.True(t, ok)
		require.True(t, f.Plain)
		require.Zero(t, f.Signal)
		require.Equal(t, uint64(0x4000), f.Mask)
		require.Equal(t, gpr, f.GPR)
		require.Equal(t, vectors, b[f.Vectors-frameAt:][:f.VectorSize])
		set(f.GPR, rPC, 0x402000)
		frames{}.Store(b, f.GPR)
		again, ok := frames{}.Parse(append(b, make([]byte, frames{}.Size())...), frameAt, make([]byte, gprSize))
		require.True(t, ok)
		require.Equal(t, f, again)
	}
}

func TestNoFrame(t *testing.T) {
	for name, c := range map[string]struct {
		off int
		v   uint32
	}{
		"flags": {ucFlags, 8}, "link": {ucLink, 1}, "mode": {scRegs + 4*rCPSR, 0x13},
		"stack below": {scRegs + 4*rSP, frameAt - 8},
	} {
		b, _, _ := handlerFrame()
		binary.LittleEndian.PutUint32(b[c.off:], c.v)
		_, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
		require.False(t, ok, name)
	}
}
