package x86

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
)

// components is a processor with these state components, where those of Intel's are.
func components(numbers ...int) *arch.XstateLayout {
	all := arch.XstateLayout{
		2: {Size: 256, Offset: 576}, 3: {Size: 64, Offset: 960}, 4: {Size: 64, Offset: 1024}, 5: {Size: 64, Offset: 1088},
		6: {Size: 512, Offset: 1152}, 7: {Size: 1024, Offset: 1664}, 9: {Size: 8, Offset: 2688}, 17: {Size: 64, Offset: 2752}, 18: {Size: 8192, Offset: 2816},
	}
	var l arch.XstateLayout
	for _, n := range numbers {
		l[n] = all[n]
	}
	return &l
}

// stackOf is a stack with a frame for a handler that interrupted a thread with the components in bv in use, and where the frame's vectors are.
func stackOf(bv uint64, l *arch.XstateLayout) (stack []byte, at uint64, vectors int) {
	xstate := make([]byte, 11008)
	for i := range xstate {
		xstate[i] = byte(i)
	}
	clear(xstate[xstateBV:xsaveMin])
	top := 2
	for n := range l {
		if l[n].Size != 0 {
			top = n
		}
	}
	binary.LittleEndian.PutUint64(xstate[xstateBV:], 1<<top)
	fp := appendXframe(nil, xstate, l)
	binary.LittleEndian.PutUint64(fp[xstateBV:], bv)
	frame := handlerFrame()
	vectors = int(frameAt&^63 + 0x400 - frameAt)
	binary.LittleEndian.PutUint64(frame[frameContext+8*scFpstate:], frameAt+uint64(vectors))
	stack = append(frame, make([]byte, vectors-len(frame))...)
	return append(append(stack, fp...), make([]byte, 100)...), frameAt, vectors
}

func TestRefit(t *testing.T) {
	large, small := components(2, 5, 6, 7, 9, 17), components(2, 9)
	emulated := components(2, 3, 4, 9)
	le := binary.LittleEndian

	// what this processor has, it keeps
	stack, at, v := stackOf(1<<2|1<<9|3, large)
	was := bytes.Clone(stack)
	changed, lost := X86_64.RefitXstate(stack, at, large)
	require.False(t, changed)
	require.Zero(t, lost)
	require.Equal(t, was, stack)

	// a smaller one: the frame is cut to what it can read
	changed, lost = X86_64.RefitXstate(stack, at, small)
	require.True(t, changed)
	require.Zero(t, lost)
	off, seal, ok := sealed(stack[v:])
	require.True(t, ok)
	require.Equal(t, 2696, off)
	require.Equal(t, seal, le.Uint32(stack[v+off:]))
	require.Equal(t, uint32(2696+4), le.Uint32(stack[v+fpSwReserved+4:]))
	require.Equal(t, was[v+xsaveMin:v+2696], stack[v+xsaveMin:v+2696])
	require.Equal(t, uint64(1<<2|1<<9|3), le.Uint64(stack[v+xstateBV:]))
	changed, _ = X86_64.RefitXstate(stack, at, small)
	require.False(t, changed, "once is enough")

	// MPX is in use always, somewhere
	stack, at, v = stackOf(1<<2|1<<4|1<<9|3, emulated)
	changed, lost = X86_64.RefitXstate(stack, at, large)
	require.True(t, changed)
	require.Zero(t, lost)
	require.Equal(t, uint64(1<<2|1<<9|3), le.Uint64(stack[v+xstateBV:]))

	// registers that this processor has not
	stack, at, _ = stackOf(1<<2|1<<6|1<<9|3, large)
	_, lost = X86_64.RefitXstate(stack, at, small)
	require.Equal(t, uint64(1<<6), lost)

	// what is no frame stays: without the mark at the end, and cut off
	stack, at, v = stackOf(1<<4|3, emulated)
	stack[v+off]++
	was = bytes.Clone(stack)
	changed, _ = X86_64.RefitXstate(stack, at, large)
	require.False(t, changed)
	changed, _ = X86_64.RefitXstate(stack[:v+1000], at, large)
	require.False(t, changed)
	require.Equal(t, was, stack)
}
