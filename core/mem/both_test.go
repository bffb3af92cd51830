package mem

import (
	"bytes"
	"os"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/task"
)

func TestPieces(t *testing.T) {
	runs := []Run{{0x1000, 0x3000}, {0x10000000, 0x10000000 + 2*pieceSize}, {0x7f0000000000, 0x7f0000001000}}
	list := pieces(runs, 0x5000)
	var joined []Run
	off := uint64(0x5000)
	for _, p := range list {
		var size uint64
		for _, r := range p.runs {
			size += r.End - r.Start
			joined = add(joined, r)
		}
		require.Equal(t, chunk{p.runs, off, size}, p)
		require.LessOrEqual(t, size, uint64(pieceSize))
		off += size
	}
	require.Equal(t, runs, joined)
	require.Len(t, list, 3)
	require.Empty(t, pieces(nil, 0))
	var many []Run
	for i := range uint64(3 * maxIovecs) {
		many = append(many, Run{2 * i * pg, (2*i + 1) * pg})
	}
	require.Len(t, pieces(many, 0), 3)
}

func TestBetween(t *testing.T) {
	b := &between{list: make([]chunk, 1000), hi: 1000}
	for i := range b.list {
		b.list[i].off = uint64(i)
	}
	taken := make([]int, len(b.list))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			p, ok := b.last()
			if !ok {
				return
			}
			if i == 300 {
				b.giveLastBack()
				return
			}
			taken[p.off]++
		}
	})
	wg.Wait()
	for p, ok := b.first(); ok; p, ok = b.first() {
		taken[p.off]++
	}
	for i, n := range taken {
		require.Equal(t, 1, n, i)
	}
	b.lo = 0
	b.stop()
	_, ok := b.first()
	require.False(t, ok)
	_, ok = b.last()
	require.False(t, ok)
}

func TestMapper(t *testing.T) {
	const size = mapSize + 5*pg
	memory := bytes.Repeat([]byte("0123456789abcde"), 2*size/15+1)
	base := uint64(reflect.ValueOf(memory).Pointer())
	fd, err := unix.MemfdCreate("mapper", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "mapper")
	defer f.Close()
	require.NoError(t, f.Truncate(pg+size))
	m := &mapper{&task.Task{Pid: os.Getpid()}, fd}
	runs := []Run{{base + 8, base + 8 + 3*pg}, {base + size, base + 2*size - 3*pg}}
	require.NoError(t, m.copy(runs, pg))
	got := make([]byte, size)
	_, err = f.ReadAt(got, pg)
	require.NoError(t, err)
	require.True(t, bytes.Equal(got, append(bytes.Clone(memory[8:8+3*pg]), memory[size:2*size-3*pg]...)))

	require.Error(t, m.copy(runs, 16*pg+size), "there is no file") // and no SIGBUS
	require.Error(t, m.copy([]Run{{8, 8 + pg}}, 0), "there is no memory")
}
