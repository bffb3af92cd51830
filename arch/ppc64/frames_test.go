package ppc64

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
)

// frameAt is the address of the frame that these tests lay out.
const frameAt = 0x7fff_0000_1000

func handlerFrame() (b, gpr []byte) {
	gpr = make([]byte, gprSize)
	for i := range gpr {
		gpr[i] = byte(i)
	}
	set(gpr, rR1, frameAt+0x2000)
	set(gpr, rNIP, 0x7fff_0000_84bc)
	set(gpr, rMSR, 0x900000000280f033)
	set(gpr, rTrap, 0)
	b, _ = regs{}.Sigframe(nil, [][]byte{gpr}, nil, 0x4000, frameAt-frontRoom)
	b = b[frontRoom:]
	binary.LittleEndian.PutUint32(b[scSignal:], 14)
	binary.LittleEndian.PutUint64(b[scRegs:], frameAt+scGpRegs)
	binary.LittleEndian.PutUint64(b[scGpRegs+8*rMSR:], 0x900000000280f033)
	binary.LittleEndian.PutUint64(b[scVRegs:], frameAt+vregsAt)
	return b, gpr
}

func TestFrame(t *testing.T) {
	b, gpr := handlerFrame()
	require.Zero(t, frames{}.Find(b))
	require.Equal(t, 16, frames{}.Find(append(make([]byte, 16), b...)))
	require.Negative(t, frames{}.Find(b[:scGpRegs]))
	own := make([]byte, gprSize)
	set(own, rMSR, 1)
	f, ok := frames{}.Parse(b, frameAt, own)
	require.True(t, ok)
	require.Equal(t, 14, f.Signal)
	require.Equal(t, uint64(0x4000), f.Mask)
	require.Zero(t, f.Restorer)
	require.EqualValues(t, 1, get(f.GPR, rMSR), "what a program cannot change is the thread's own")
	set(f.GPR, rMSR, get(gpr, rMSR))
	require.Equal(t, gpr, f.GPR)

	set(b[scGpRegs:], rTrap, trapCall)
	set(f.GPR, rNIP, 0x402000)
	frames{}.Store(b, f.GPR)
	again, ok := frames{}.Parse(b, frameAt, gpr)
	require.True(t, ok)
	require.Equal(t, f, again)
	require.EqualValues(t, trapCall, get(b[scGpRegs:], rTrap))
}

func TestNoFrame(t *testing.T) {
	for name, c := range map[string]struct {
		off int
		v   uint64
	}{
		"link":        {ucLink, 1},
		"registers":   {scRegs, frameAt},
		"vectors":     {scVRegs, frameAt + vregsAt + 16},
		"no vectors":  {scVRegs, 0},
		"stack below": {scGpRegs + 8*rR1, frameAt},
	} {
		b, _ := handlerFrame()
		binary.LittleEndian.PutUint64(b[c.off:], c.v)
		_, ok := frames{}.Parse(b, frameAt, make([]byte, gprSize))
		require.False(t, ok, name)
	}
	b, _ := handlerFrame()
	_, ok := frames{}.Parse(b, frameAt+8, make([]byte, gprSize))
	require.False(t, ok, "address")

	set(b[scGpRegs:], rR1, 0x10000) // another stack
	binary.LittleEndian.PutUint64(b[ucStack:], frameAt-0x1000)
	binary.LittleEndian.PutUint64(b[ucStack+16:], 0x8000)
	_, ok = frames{}.Parse(b, frameAt, make([]byte, gprSize))
	require.True(t, ok)
}

// Of a frame that is over, its signal's handler being one that runs again by now, all may be there but what the later frame's registers went over.
func TestFrameUnderALaterOne(t *testing.T) {
	const rXER = 37
	for n, reg := range map[string]int{"r27": 27, "r29": 29, "xer": rXER} {
		stack := make([]byte, 2*frameSize)
		stale, _ := handlerFrame()
		copy(stack, stale)
		later := scVRegs - (scGpRegs + 8*reg) // its place of that register is the stale one's of the address of the vectors
		require.Zero(t, later%16, n)
		require.Greater(t, later, scRegs, n)
		fresh, _ := handlerFrame()
		binary.LittleEndian.PutUint64(fresh[scRegs:], frameAt+uint64(later)+scGpRegs)
		binary.LittleEndian.PutUint64(fresh[scVRegs:], frameAt+uint64(later)+vregsAt)
		set(fresh[scGpRegs:], reg, 0)
		copy(stack[later:], fresh[:ucSigmask+8])
		copy(stack[later+scSignal:], fresh[scSignal:])
		require.Equal(t, stale[:scRegs+8], stack[:scRegs+8])
		var found []int
		for at := range arch.FramesIn(frames{}, stack, frameAt, make([]byte, gprSize)) {
			found = append(found, at)
		}
		require.Equal(t, []int{later}, found, n)
	}
}

// A frame that is over may have its beginning still, in room of another's that the kernel does not write to; its end is overwritten then.
func TestSealed(t *testing.T) {
	const toInfo, toContext = 0x6d0, 0x6d8 // struct rt_sigframe: pinfo, puc
	for name, transact := range map[string]uint64{"one context": 0, "two contexts": 0x6a0} {
		mem := make([]byte, 4096)
		put := func(off, v uint64) { binary.LittleEndian.PutUint64(mem[off+transact:], v) }
		sealed := func() bool {
			return frames{}.Sealed(arch.Frame{}, frameAt, func(at uint64, b []byte) error {
				if at < frameAt || at+uint64(len(b)) > frameAt+uint64(len(mem)) {
					return errors.New("no memory")
				}
				copy(b, mem[at-frameAt:])
				return nil
			})
		}
		require.False(t, sealed(), name)
		put(toInfo, frameAt+transact+0x6e0)
		put(toContext, frameAt)
		require.True(t, sealed(), name)
		put(toInfo, frameAt+0x180+transact+0x6e0)
		require.False(t, sealed(), name)
		put(toInfo, frameAt+transact+0x6e0)
		put(toContext, frameAt+0x180)
		require.False(t, sealed(), name)
		mem = mem[:0x600]
		require.False(t, sealed(), name)
	}
}
