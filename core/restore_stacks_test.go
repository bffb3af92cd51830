package core

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/core/image"
)

// simpleFrames are three words: a magic number, the stack pointer of what was interrupted, and what is to be changed.
type simpleFrames struct{ arch.Frames }

const simpleMagic = 0x77_6f_6f_64_66_72_6f_67

func (simpleFrames) Size() int { return 24 }

func (simpleFrames) Find(b []byte) int {
	return bytes.Index(b, binary.LittleEndian.AppendUint64(nil, simpleMagic))
}

func (simpleFrames) Parse(b []byte, _ uint64, _ []byte) (arch.Frame, bool) {
	return arch.Frame{GPR: b[8:]}, true
}

type simpleRegs struct{ arch.Regs }

func (simpleRegs) SP(gpr []byte) uint64 { return binary.LittleEndian.Uint64(gpr) }

// Frames are found on the stack of a thread, and on those that the handlers there have interrupted.
func TestRefitStacksOfHandlers(t *testing.T) {
	const alternate, own, size = 0x10000, 0x40000, 0x2000
	mark := func(mem []byte, _ uint64) (changed bool, lost uint64) {
		for i := 0; i+24 <= len(mem); i += 8 {
			if binary.LittleEndian.Uint64(mem[i:]) == simpleMagic {
				mem[i+16], changed = 1, true
			}
		}
		return changed, 0
	}
	setup := func(frames map[uint64]uint64) (*loadedTask, *bytes.Reader) {
		content := make([]byte, 2*size)
		for at, sp := range frames {
			off := at - alternate
			if at >= own {
				off = size + at - own
			}
			copy(content[off:], binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, simpleMagic), sp))
		}
		return &loadedTask{
			abi: &arch.ABI{Frames: simpleFrames{}, Regs: simpleRegs{}, RegSets: []arch.RegSet{{Size: 8}}},
			mm:  &image.MmEntry{Vmas: []*image.VmaEntry{{Start: alternate, End: alternate + size}, {Start: own, End: own + size}}},
			pages: &image.PageRuns{Runs: []image.PageRun{
				{Addr: alternate, End: alternate + size, Flags: image.PagePresent}, {Addr: own, End: own + size, Flags: image.PagePresent, Off: size},
			}},
		}, bytes.NewReader(content)
	}
	starts := func(stacks []stackPart) (at []uint64) {
		for _, s := range stacks {
			at = append(at, s.at)
		}
		return at
	}
	var c image.CoreEntry

	task, content := setup(map[uint64]uint64{alternate + 0x800: own + 0x104, own + 0x600: own + 0x900, own + 0x900: alternate + 0x1000})
	stacks, err := task.refitThread(&c, alternate+0x700, content, mark)
	require.NoError(t, err)
	require.Equal(t, []uint64{alternate + 0x700, own + 0x100}, starts(stacks))
	for i, frames := range [][]int{{0x100}, {0x500, 0x800}} {
		require.Len(t, stacks[i].was, len(stacks[i].mem))
		for _, at := range frames {
			require.Zero(t, stacks[i].was[at+16])
			require.Equal(t, byte(1), stacks[i].mem[at+16])
		}
	}

	// an image may say anything
	endless := map[uint64]uint64{}
	for at := uint64(own + 0x1000); at < own+size; at += 24 {
		endless[at] = at - 24
	}
	task, content = setup(endless)
	stacks, err = task.refitThread(&c, own+0x1fd8, content, mark)
	require.NoError(t, err)
	require.Len(t, starts(stacks), mostStacks)

	// no memory there
	task, content = setup(nil)
	stacks, err = task.refitThread(&c, 0x99999, content, mark)
	require.NoError(t, err)
	require.Len(t, starts(stacks), 1)
	require.Empty(t, stacks[0].mem)
}
