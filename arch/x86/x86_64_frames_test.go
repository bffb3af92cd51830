package x86

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
)

// frameAt is the address of the frame that these tests lay out.
const frameAt = 0x7ffd_0000_1008

func handlerFrame() []byte {
	b := make([]byte, frameSize)
	put := func(off int, v uint64) { binary.LittleEndian.PutUint64(b[off:], v) }
	put(0, 0x401000)
	put(frameUC+ucFlags, ucFpXstate|ucSigcontextSS|ucStrictRestoreSS)
	for i := range sigcontextOrder {
		put(frameContext+8*i, uint64(100+i))
	}
	put(frameContext+8*15, frameAt+0x1000) // rsp
	put(frameContext+8*scFlags, 0x246)
	put(frameSegs, userSegs)
	put(frameContext+8*scFpstate, frameAt&^63+0x200)
	put(frameUC+ucSigmask, 0x4000)
	put(frameInfo, 14)
	return b
}

func TestFrame(t *testing.T) {
	own := make([]byte, 27*8)
	set(own, rFSBase, 77)
	set(own, rCS, 0x33)
	set(own, rOrigAX, 35)
	b := handlerFrame()
	require.Zero(t, frames64{}.Find(b))
	require.Equal(t, 16, frames64{}.Find(append(make([]byte, 16), b...)))
	require.Negative(t, frames64{}.Find(b[:frameSegs]))
	f, ok := frames64{}.Parse(b, frameAt, own)
	require.True(t, ok)
	require.Equal(t, 14, f.Signal)
	require.Equal(t, uint64(0x4000), f.Mask)
	require.Equal(t, uint64(0x401000), f.Restorer)
	require.Equal(t, uint64(116), get(f.GPR, rIP))
	require.Equal(t, uint64(0x246), get(f.GPR, rFlags))
	require.Equal(t, uint64(noCall), get(f.GPR, rOrigAX))
	require.Equal(t, uint64(77), get(f.GPR, rFSBase), "what a frame has not is the thread's own")
	require.Equal(t, xsaveMin, f.VectorSize)

	set(f.GPR, rIP, 0x402000)
	set(f.GPR, rAX, 1)
	frames64{}.Store(b, f.GPR)
	again, ok := frames64{}.Parse(b, frameAt, own)
	require.True(t, ok)
	require.Equal(t, f, again)
}

func TestNoFrame(t *testing.T) {
	for name, c := range map[string]struct {
		off int
		v   uint64
	}{
		"flags":               {frameUC + ucFlags, 8},
		"link":                {frameUC + ucLink, 1},
		"stack below":         {frameContext + 8*15, frameAt},
		"vectors not aligned": {frameContext + 8*scFpstate, frameAt + 0x200},
		"vectors below":       {frameContext + 8*scFpstate, frameAt &^ 63},
		"vectors far":         {frameContext + 8*scFpstate, frameAt&^63 + 1<<20},
		"selectors":           {frameSegs, 0x23},
	} {
		b := handlerFrame()
		binary.LittleEndian.PutUint64(b[c.off:], c.v)
		_, ok := frames64{}.Parse(b, frameAt, make([]byte, 27*8))
		require.False(t, ok, name)
	}
	_, ok := frames64{}.Parse(handlerFrame(), frameAt+8, make([]byte, 27*8))
	require.False(t, ok, "address")

	b := handlerFrame()
	binary.LittleEndian.PutUint64(b[frameContext+8*15:], 0x1000)
	binary.LittleEndian.PutUint64(b[frameUC+ucStack:], frameAt-0x800)
	binary.LittleEndian.PutUint64(b[frameUC+ucStack+16:], 0x1000)
	_, ok = frames64{}.Parse(b, frameAt, make([]byte, 27*8))
	require.True(t, ok, "a stack of its own")
}

func TestVectors(t *testing.T) {
	own, stored := make([]byte, 1024), make([]byte, xsaveMin)
	for i := range own {
		own[i] = 1
	}
	for i := range stored {
		stored[i] = 2
	}
	own[xstateBV], stored[xstateBV] = 7, 2
	merged := frames64{}.Vectors(own, stored)
	require.Equal(t, stored[:fpSwReserved], merged[:fpSwReserved])
	require.Equal(t, byte(6), merged[xstateBV])
	require.Equal(t, own[fpSwReserved:xstateBV], merged[fpSwReserved:xstateBV])
	require.Equal(t, own[xstateBV+1:], merged[xstateBV+1:])
	merged[100] = 9
	frames64{}.StoreVectors(stored, merged)
	require.Equal(t, byte(9), stored[100])
	require.Equal(t, byte(2), stored[fpSwReserved])
}

func TestXstateUsed(t *testing.T) {
	layout := &arch.XstateLayout{2: {Size: 256, Offset: 576}, 9: {Size: 8, Offset: 2688}, 18: {Size: 8192, Offset: 2816}}
	for bv, want := range map[uint64]int{0: 576, 3: 576, 7: 832, 1 << 9: 2696, 1<<9 | 7: 2696, 1<<18 | 7: 11008, 1 << 30: 576} {
		b := make([]byte, xstateHead)
		binary.LittleEndian.PutUint64(b[xstateBV:], bv)
		require.Equal(t, want, xstateUsed(b, layout), bv)
	}
	require.Equal(t, 512, xstateUsed(make([]byte, 512), layout)) // FXSAVE's
}
