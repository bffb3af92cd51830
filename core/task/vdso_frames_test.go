package task

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/vdso"
)

// A handler of Go's that has not looked for its g yet finds it where a finished function leaves it; one that has keeps what it has. This
// test is a program that was linked by Go.
func TestLendG(t *testing.T) {
	proc, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer proc.Close()
	abi := &arch.ABI{Class: elf.ELFCLASS32, VDSO: arch.VDSO{GoG: 4, GoCalls: map[string]bool{"clock_gettime": true}}}
	th := &Thread{Task: &Task{Proc: proc, ABI: abi}}
	registers := func(g byte) []byte { return []byte{1, 2, 3, 4, g, g, g, g, 5, 6, 7, 8} }
	before, after := registers(0xff), []byte{9, 9, 9, 9, 0x60, 0x60, 0x60, 0x60, 9, 9, 9, 9}
	early, late := registers(0xff), registers(0x77)
	require.True(t, th.lendG(before, after, early))
	require.False(t, th.lendG(before, after, late))
	require.Equal(t, registers(0x60), early)
	require.Equal(t, registers(0x77), late)

	abi.VDSO.GoCalls = nil // no vDSO of this ABI takes the register
	early = bytes.Clone(before)
	require.False(t, th.lendG(before, after, early))
	require.Equal(t, before, early)
}

// plainRegs are a stack pointer; plainFrames are a magic number, a signal, a mask, that, and the end of the alternate stack that they are on.
type (
	plainRegs   struct{ arch.Regs }
	plainFrames struct{ arch.Frames }
)

func (plainRegs) SP(gpr []byte) uint64 { return le64(gpr) }

const plainMagic = 0x676f7266

func (plainFrames) Size() int { return 40 }

func (plainFrames) Find(b []byte) int {
	for i := 0; i+8 <= len(b); i += 8 {
		if le64(b[i:]) == plainMagic {
			return i
		}
	}
	return -1
}

func (plainFrames) Parse(b []byte, _ uint64, _ []byte) (arch.Frame, bool) {
	return arch.Frame{Signal: int(le64(b[8:])), Mask: le64(b[16:]), GPR: bytes.Clone(b[24:40]), High: le64(b[32:])}, true
}

func (plainFrames) Store(b, gpr []byte) { copy(b[24:40], gpr) }

// The vDSO's call of a handler that was interrupted before its first instruction leaves an address of the parked vDSO, found by nobody on the
// stack: the frame gets that of the image's.
func TestFrameOfAHandlerThatBegins(t *testing.T) {
	const parked, own, sp = 0x7000_0494, 0x6000_0454, 0x1000
	memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(memory)) }()
	task := &Task{Pid: os.Getpid(), ABI: &arch.ABI{Class: elf.ELFCLASS64, Frames: plainFrames{}}, sigreturns: []vdso.Twin{{Area: vdso.Area{Start: parked, End: parked + 12}, To: own, Same: 12}}}
	registers := func(link uint64) []byte {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, sp), link)
	}
	f := handlerFrame{at: uint64(reflect.ValueOf(memory).Pointer()), head: make([]byte, plainFrames{}.Size())}
	require.NoError(t, task.storeFrame(f, [2][]byte{registers(parked)}, nil))
	got, _ := plainFrames{}.Parse(memory, f.at, nil)
	require.Equal(t, registers(own), got.GPR)
}

// A handler with a large buffer may have the frame of one that is long over below its own. Which of the two runs, nothing tells.
func TestRivals(t *testing.T) {
	const size, alarm, usr1 = 64 << 10, 14, 10
	bit := func(sig int) uint64 { return 1 << (sig - 1) }
	stack, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(stack)) }()
	proc, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer proc.Close()
	base := uint64(reflect.ValueOf(stack).Pointer())
	high := uint64(0) // the end of the alternate stack that the frame is on
	put := func(at, sig int, mask uint64, sp int) {
		for i, v := range []uint64{plainMagic, uint64(sig), mask, base + uint64(sp), high} {
			binary.LittleEndian.PutUint64(stack[at+8*i:], v)
		}
	}
	look := func(mask uint64) (list, rivals []uint64) {
		task := &Task{Pid: os.Getpid(), Proc: proc, ABI: &arch.ABI{Regs: plainRegs{}, Frames: plainFrames{}},
			Areas: []procfs.Smap{{Map: procfs.Map{Start: base, End: base + size}}}}
		th := &Thread{Task: task, Sigmask: mask, Regs: [][]byte{binary.LittleEndian.AppendUint64(nil, base+16)}}
		stacks := stackReader{t: task}
		defer stacks.close()
		found := th.frames(&stacks, false)
		for _, f := range found {
			list = append(list, f.at-base)
		}
		for _, f := range th.rivals(&stacks, found) {
			rivals = append(rivals, f.at-base)
		}
		return list, rivals
	}
	put(512, alarm, 0, 4096)
	list, rivals := look(bit(alarm))
	require.Equal(t, []uint64{512}, list)
	require.Empty(t, rivals)

	put(128, alarm, 0, 256) // which of them runs?
	list, rivals = look(bit(alarm))
	require.Equal(t, []uint64{128}, list)
	require.Equal(t, []uint64{512}, rivals)

	put(128, usr1, bit(alarm), 256) // both: one has interrupted the other
	list, rivals = look(bit(alarm) | bit(usr1))
	require.Equal(t, []uint64{128, 512}, list)
	require.Empty(t, rivals)

	high = base + 4096
	put(128, alarm, 0, 8192) // it came from another stack, so there is none before it on this one
	list, rivals = look(bit(alarm))
	require.Equal(t, []uint64{128}, list)
	require.Empty(t, rivals)
	high = 0

	put(128, alarm, 0, 1024) // the room of the one that runs has whatever was there
	list, rivals = look(bit(alarm))
	require.Equal(t, []uint64{128}, list)
	require.Empty(t, rivals)
}
