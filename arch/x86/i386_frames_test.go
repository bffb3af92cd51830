package x86

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// frame32At is the address of the frames that these tests lay out.
const frame32At = 0xffd0_100c

func frame32(plain bool) (b []byte, context int) {
	b = make([]byte, old32Size)
	put := func(off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
	context = rt32Context
	put(0, 0xf7f0_0560)
	put(rt32Signal, 14)
	if plain {
		context = old32Context
		put(context+sc32Oldmask, 0x4000)
		put(old32Mask, 1)
	} else {
		put(rt32Pinfo, frame32At+rt32Info)
		put(rt32Puc, frame32At+rt32UC)
		put(rt32Info, 14)
		put(rt32UC, ucFpXstate)
		put(rt32UC+uc32Sigmask, 0x4000)
		put(rt32UC+uc32Sigmask+4, 1)
	}
	for i := range sigcontext32Order {
		put(context+4*i, uint32(100+i))
	}
	put(context+sc32ES, userDS)
	put(context+sc32CS, userCS32)
	put(context+sc32SS, userDS)
	put(context+28, frame32At+0x1000) // sp
	put(context+68, frame32At-4)      // sp_at_signal, which is not read
	put(context+sc32Fpstate, frame32At&^63+0x400-fsaveSize)
	return b, context
}

func TestFrame32(t *testing.T) {
	own := make([]byte, 17*4)
	set32(own, eOrigAX, 3)
	for _, plain := range []bool{false, true} {
		b, _ := frame32(plain)
		require.Zero(t, frames32{}.Find(b))
		require.Equal(t, 20, frames32{}.Find(append(make([]byte, 20), b...)))
		require.Negative(t, frames32{}.Find(b[:64]))
		f, ok := frames32{}.Parse(b, frame32At, own)
		require.True(t, ok)
		require.Equal(t, plain, f.Plain)
		require.Equal(t, 14, f.Signal)
		require.Equal(t, uint64(0x1_0000_4000), f.Mask)
		require.Equal(t, uint64(0xf7f0_0560), f.Restorer)
		require.Equal(t, uint64(114), get32(f.GPR, eIP))
		require.Equal(t, uint64(116), get32(f.GPR, eFlags))
		require.Equal(t, uint64(111), get32(f.GPR, eAX))
		require.Equal(t, uint64(noCall&0xffff_ffff), get32(f.GPR, eOrigAX))
		require.Equal(t, uint64(frame32At&^63+0x400), f.Vectors)

		set32(f.GPR, eIP, 0x402000)
		set32(f.GPR, eSP, frame32At+0x1004)
		frames32{}.Store(b, f.GPR)
		again, ok := frames32{}.Parse(b, frame32At, own)
		require.True(t, ok)
		require.Equal(t, f, again)
	}
}

func TestNoFrame32(t *testing.T) {
	own := make([]byte, 17*4)
	for _, plain := range []bool{false, true} {
		_, context := frame32(plain)
		for name, c := range map[string]struct {
			off int
			v   uint32
		}{
			"es":                  {context + sc32ES, 0},
			"cs":                  {context + sc32CS, 0x33},
			"ss":                  {context + sc32SS, 0},
			"vectors not aligned": {context + sc32Fpstate, frame32At&^63 + 0x400},
			"vectors below":       {context + sc32Fpstate, frame32At&^63 - fsaveSize},
			"vectors far":         {context + sc32Fpstate, frame32At&^63 + 1<<20 - fsaveSize},
		} {
			b, _ := frame32(plain)
			binary.LittleEndian.PutUint32(b[c.off:], c.v)
			_, ok := frames32{}.Parse(b, frame32At, own)
			require.False(t, ok, name)
		}
		b, _ := frame32(plain)
		_, ok := frames32{}.Parse(b, frame32At+4, own)
		require.False(t, ok, "address")
	}
	for name, c := range map[string]struct {
		off int
		v   uint32
	}{
		"flags":       {rt32UC, 2},
		"link":        {rt32UC + uc32Link, 1},
		"two signals": {rt32Info, 15},
		"stack below": {rt32Context + 28, frame32At - 4},
	} {
		b, _ := frame32(false)
		binary.LittleEndian.PutUint32(b[c.off:], c.v)
		_, ok := frames32{}.Parse(b, frame32At, own)
		require.False(t, ok, name)
	}
}

func TestSealed(t *testing.T) {
	b := appendXframe(nil, make([]byte, xsaveMin), nil)
	if len(b) != xsaveMin+4 {
		t.Fatal(len(b))
	}
	off, seal, ok := sealed(b)
	require.True(t, ok)
	require.Equal(t, xsaveMin, off)
	require.Equal(t, seal, binary.LittleEndian.Uint32(b[off:]))
	b[fpSwReserved]++
	_, _, ok = sealed(b)
	require.False(t, ok)
	_, _, ok = sealed(b[:100])
	require.False(t, ok)
}
