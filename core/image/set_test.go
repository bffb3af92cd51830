package image

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// testdata/criu is what CRIU 4.2 wrote of a Python program on x86-64: two tasks that live, a zombie, a second thread, a
// pipe and a socket with data, a lock, shared memory, an eventfd. The pages files are left out.
const criuImages = "testdata/criu"

// pagesSizes are the sizes of the pages files that belong to it.
var pagesSizes = map[int]int64{1: 4096, 2: 4096, 3: 4141056, 4: 4124672}

// copyImages returns a directory with the images of testdata and pages files without contents.
func copyImages(t testing.TB) *Dir {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(criuImages)))
	for id, size := range pagesSizes {
		path := filepath.Join(dir, Pages.FileName(id))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Truncate(path, size))
	}
	d, err := OpenDir(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// What CRIU wrote is what we would have written.
func TestEqualCRIU(t *testing.T) {
	src, err := OpenDir(criuImages)
	require.NoError(t, err)
	defer src.Close()
	dst := openTemp(t)
	names, err := src.Names()
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		k, id, ok := ParseName(name)
		require.True(t, ok, name)
		r, err := src.Open(k, id)
		require.NoError(t, err)
		w, err := dst.Create(k, id)
		require.NoError(t, err)
		for i := 0; ; i++ {
			m := k.New()
			if i > 0 && kinds[k].payload == payloadOther {
				m = new(PagemapEntry)
			}
			if err = r.Next(m); err != nil {
				break
			}
			require.NoError(t, w.Put(m))
			n := int64(0)
			switch m := m.(type) {
			case *PipeDataEntry:
				n = int64(m.Bytes)
			case *SkPacketEntry:
				n = int64(m.Length)
			}
			b, err := r.Payload(n)
			require.NoError(t, err)
			require.NoError(t, w.Raw(b))
		}
		require.Equal(t, io.EOF, err)
		r.Close()
		require.NoError(t, w.Close())
		want, err := os.ReadFile(filepath.Join(src.Path(), name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dst.Path(), name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), name)
	}
}

func TestLoad(t *testing.T) {
	s, err := Load(copyImages(t), LoadOptions{PageSize: 4096})
	require.NoError(t, err)
	require.Len(t, s.Tasks, 3)
	root := s.Tasks[0]
	require.Equal(t, s.Tasks[1:], root.Children)
	require.Equal(t, "python3", root.Core().Tc.Comm)
	require.Len(t, root.Threads, 2)
	require.True(t, s.Tasks[2].Dead())
	require.Equal(t, []*FdinfoEntry{{Id: 11, Type: FdTypes_REG}}, root.Fds[:1])
	require.Len(t, s.Shmem, 2)
	require.Len(t, s.Memfds, 2)
	require.Len(t, s.SkQueues, 1)
	require.Len(t, s.Locks, 1)
	require.Same(t, root, s.ByPid(int(s.Locks[0].Pid)))
	require.Nil(t, s.ByPid(1))
	require.Len(t, s.Pipes, 1)
	for _, p := range s.Pipes {
		file, err := os.ReadFile(filepath.Join(criuImages, "pipes-data.img"))
		require.NoError(t, err)
		require.Equal(t, "frozenfrozenfrozen", string(file[p.Off:][:p.Entry.Bytes]))
	}
	var stored uint64
	for _, v := range root.Mm.Vmas {
		stored += root.Pagemap.StoredIn(v.Start, v.End)
	}
	require.Equal(t, uint64(pagesSizes[3]), stored)
	last := root.Pagemap.Runs[len(root.Pagemap.Runs)-1]
	require.Equal(t, pagesSizes[3], last.Off+int64(last.End-last.Addr))

	// The registers of CRIU's core are those that this package would make of the kernel's bytes.
	regs := root.Core().ThreadInfo
	regs.Fpregs.Xsave.Cet = nil
	raw, err := X86Xstate(regs.Fpregs, nil, &amdLayout, 2440)
	require.NoError(t, err)
	again, rest, err := X86Fpregs(raw, &amdLayout)
	require.NoError(t, err)
	require.Nil(t, rest)
	back, err := X86Xstate(again, nil, &amdLayout, 2440)
	require.NoError(t, err)
	require.Equal(t, raw, back)
}

// Many tasks and threads are read by several goroutines; the error is that of the first in the tree all the same.
func TestLoadMany(t *testing.T) {
	const n = 3 * fewItems
	d := copyImages(t)
	child := func(k Kind, m Message) Message {
		r, err := d.Open(k, childPid)
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, r.Next(m))
		return m
	}
	tid := new(CoreEntry)
	*tid = *child(Core, new(CoreEntry)).(*CoreEntry)
	tid.Tc = nil
	change(Pstree, 0, func(all []*PstreeEntry) []*PstreeEntry {
		for i := range uint32(n) {
			pid, thread := 20000+i, 30000+i
			all = append(all, &PstreeEntry{Pid: pid, Ppid: childPid, Pgid: 1, Sid: 1, Threads: []uint32{pid}})
			for k, m := range map[Kind]Message{
				Core: new(CoreEntry), Mm: new(MmEntry), Ids: new(TaskKobjIdsEntry), Fs: new(FsEntry),
			} {
				require.NoError(t, d.Write(k, int(pid), child(k, m)))
			}
			require.NoError(t, d.Write(Pagemap, int(pid), &PagemapHead{PagesId: 9}))
			all[0].Threads = append(all[0].Threads, thread)
			require.NoError(t, d.Write(Core, int(thread), tid))
		}
		return all
	})(t, d)
	s, err := Load(d, LoadOptions{PageSize: 4096})
	require.NoError(t, err)
	require.Len(t, s.Tasks, 3+n)
	require.Len(t, s.Tasks[1].Children, n)
	for i, th := range s.Tasks[0].Threads[2:] {
		require.Equal(t, 30000+i, th.Tid)
		require.NotNil(t, th.Core)
	}
	for _, pid := range []int{20030, 20011} {
		require.NoError(t, os.Remove(filepath.Join(d.Path(), Mm.FileName(pid))))
	}
	for range 20 {
		_, err = Load(d, LoadOptions{PageSize: 4096})
		require.EqualError(t, err, "mm-20011.img: no such file or directory")
	}
}
