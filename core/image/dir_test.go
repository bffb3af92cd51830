package image

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/checkpoint-restore/go-criu/v8/crit"
	"github.com/checkpoint-restore/go-criu/v8/magic"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func openTemp(t *testing.T) *Dir {
	t.Helper()
	d, err := OpenDir(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestTraits(t *testing.T) {
	d := openTemp(t)
	for _, want := range []*TraitsEntry{
		{ExitSignal: new(uint32(0))},
		{ExitSignal: new(uint32(12)), Threads: []*ThreadTraits{{Tid: 7, TimerSlack: new(uint64(1))}, {Tid: 8, TimerSlack: new(uint64(1 << 40))}}},
		{Threads: []*ThreadTraits{{Tid: 7, IOPriority: new(uint32(0x4003)), CPUs: []byte{0, 0x80}}}},
		{MDWE: new(uint32(3)), Threads: []*ThreadTraits{{Tid: 7, Prctls: []*Prctl{{Option: 12, Value: 3}, {Option: 6, Value: 2}}}}},
		{Threads: []*ThreadTraits{{Tid: 7, Personality: new(uint32(0))}, {Tid: 8, Personality: new(uint32(0x0400000)), MCEKill: new(uint32(0))}}},
		{MemoryMerge: new(true)},
		{CoredumpFilter: new(uint32(0)), Mlockall: new(uint32(2)), Names: []*AreaName{{Start: 1 << 40, End: 1<<40 + 4096, Name: "x y"}}},
	} {
		require.NoError(t, d.Write(Traits, 7, want))
		got, err := ReadOne[TraitsEntry](d, Traits, 7)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestMagicsEqualGoCRIU(t *testing.T) {
	known := magic.LoadMagic()
	// go-criu's table is older than CRIU 4.2's.
	known.ByValue[0x54435556] = "PIDFD"
	for k := Inventory; k < Xstate; k++ {
		if kinds[k].magic != 0 {
			require.Contains(t, known.ByValue, uint64(kinds[k].magic), k)
		}
	}
	require.Equal(t, uint64(magicCommon), known.ByName["IMG_COMMON"])
	require.Equal(t, uint64(magicService), known.ByName["IMG_SERVICE"])
	require.Equal(t, uint64(kinds[FileLocks].magic), known.ByName["FILE_LOCKS"])
}

// go-criu's crit reads a file of each kind that we write.
func TestCritReadsFiles(t *testing.T) {
	d := openTemp(t)
	for k := Inventory; k < Xstate; k++ {
		m := k.New()
		if m == nil || kinds[k].payload != payloadNone || k == Pidfd {
			continue
		}
		mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(m.table().name))
		require.NoError(t, err)
		var want []proto.Message
		var ours []Message
		for seed := range uint64(3) {
			theirs := mt.New()
			fill(theirs, rand.New(rand.NewPCG(seed, uint64(k))), 0)
			b, err := proto.Marshal(theirs.Interface())
			require.NoError(t, err)
			m := k.New()
			require.NoError(t, Unmarshal(b, m))
			want, ours = append(want, theirs.Interface()), append(ours, m)
		}
		require.NoError(t, d.Write(k, 12, ours...))
		f, err := os.Open(filepath.Join(d.Path(), k.FileName(12)))
		require.NoError(t, err)
		img, err := crit.New(f, nil, "", false, false).Decode(mt.New().Interface())
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Len(t, img.Entries, len(want))
		for i, e := range img.Entries {
			require.True(t, proto.Equal(want[i], e.Message), k)
		}
	}
}

func TestPayloads(t *testing.T) {
	d := openTemp(t)
	w, err := d.Create(PipesData, 0)
	require.NoError(t, err)
	sizes := []int{3, flushSize + 5, 0, 2*readSize + 1}
	for i, n := range sizes {
		require.NoError(t, w.Put(&PipeDataEntry{PipeId: uint32(i), Bytes: uint32(n)}))
		require.NoError(t, w.Raw(bytes.Repeat([]byte{byte(i + 1)}, n)))
	}
	require.NoError(t, w.Close())
	for _, skip := range []bool{false, true} {
		r, err := d.Open(PipesData, 0)
		require.NoError(t, err)
		for i, n := range sizes {
			var m PipeDataEntry
			require.NoError(t, r.Next(&m))
			require.Equal(t, PipeDataEntry{PipeId: uint32(i), Bytes: uint32(n)}, m)
			if skip {
				require.NoError(t, r.Skip(int64(n)))
				continue
			}
			b, err := r.Payload(int64(n))
			require.NoError(t, err)
			require.Equal(t, bytes.Repeat([]byte{byte(i + 1)}, n), b)
		}
		require.Equal(t, io.EOF, r.Next(&PipeDataEntry{}))
		_, err = r.Payload(1)
		require.EqualError(t, err, "pipes-data.img: 1 bytes after entry 3: 1 bytes: file ends too early")
		require.Error(t, r.Skip(1))
		r.Close()
	}
}

func TestReadOneAndAll(t *testing.T) {
	d := openTemp(t)
	vmas := make([]*VmaEntry, 3*readSize/40)
	for i := range vmas {
		vmas[i] = &VmaEntry{Start: uint64(i) << 40, End: uint64(i)<<40 + 4096, Fd: -1}
	}
	require.NoError(t, WriteAll(d, Vmas, 7, vmas))
	got, err := ReadAll[VmaEntry](d, Vmas, 7)
	require.NoError(t, err)
	require.Equal(t, vmas, got)
	_, err = ReadOne[VmaEntry](d, Vmas, 7)
	require.ErrorContains(t, err, "vmas-7.img: ")
	require.ErrorContains(t, err, "after the only entry")
	_, err = ReadOne[MmEntry](d, Mm, 7)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "mm-7.img: ")
}

// Each damaged file is refused with an error that names the file and the place.
func TestReadErrors(t *testing.T) {
	core := []byte("\x19\x43\x56\x54\x47\x38\x05\x55")
	for _, c := range []struct{ name, bytes, want string }{
		{"empty", "", "core-5.img: magic: file ends too early"},
		{"head", "\x40\x59\x10\x55\x47\x38\x05\x55", "core-5.img: magic 0x55105940: want 0x54564319"},
		{"kind", "\x19\x43\x56\x54\x47\x38\x05\x56", "core-5.img: magic 0x56053847: want 0x55053847"},
		{"none", string(core), "core-5.img: no entry"},
		{"cut size", string(core) + "\x02\x00", "core-5.img: entry 0: size: 4 bytes: file ends too early"},
		{"huge", string(core) + "\xff\xff\xff\xff\x08", "core-5.img: entry 0: 4294967295 bytes: file ends too early"},
		{"no mtype", string(core) + "\x00\x00\x00\x00", "core-5.img: entry 0: mtype: missing"},
		{"no r15", string(core) + "\x06\x00\x00\x00\x08\x01\x12\x02\x12\x00",
			"core-5.img: entry 0: thread_info.gpregs.r15: missing"},
		{"wire type", string(core) + "\x02\x00\x00\x00\x0a\x00", "core-5.img: entry 0: mtype: wire type 2: want 0"},
		{"cut varint", string(core) + "\x02\x00\x00\x00\x08\xff", "core-5.img: entry 0: mtype: ends in the middle of a value"},
		{"big", string(core) + "\x0a\x00\x00\x00\x08\x01\x1a\x06\x08\xff\xff\xff\xff\x1f",
			"core-5.img: entry 0: tc.task_state: 0x1ffffffff: more than 32 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openTemp(t)
			require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "core-5.img"), []byte(c.bytes), 0o600))
			_, err := ReadOne[CoreEntry](d, Core, 5)
			require.EqualError(t, err, c.want)
		})
	}
}

// The size of a message is bounded even where the file has all of it.
func TestHugeMessage(t *testing.T) {
	d := openTemp(t)
	path := filepath.Join(d.Path(), "core-5.img")
	head := order.AppendUint32(Core.header(nil), maxMessage+1)
	require.NoError(t, os.WriteFile(path, head, 0o600))
	require.NoError(t, os.Truncate(path, maxMessage+100))
	_, err := ReadOne[CoreEntry](d, Core, 5)
	require.EqualError(t, err, "core-5.img: entry 0: 67108865 bytes: more than the 67108864 of any message")
}

// What is not a regular file is neither followed nor waited for.
func TestNotRegular(t *testing.T) {
	d := openTemp(t)
	path := filepath.Join(d.Path(), "core-1.img")
	for name, create := range map[string]func() error{
		"fifo":    func() error { return unix.Mkfifo(path, 0o600) },
		"symlink": func() error { return os.Symlink("/dev/zero", path) },
		"dir":     func() error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, create())
			defer os.Remove(path)
			_, err := d.Open(Core, 1)
			require.ErrorContains(t, err, "core-1.img: ")
			require.Error(t, d.Write(Core, 1))
		})
	}
}

func TestCommit(t *testing.T) {
	d := openTemp(t)
	d.Sync = true
	require.NoError(t, d.Begin())
	inv := &InventoryEntry{ImgVersion: 2}
	require.NoError(t, d.Commit(inv))
	got, err := ReadOne[InventoryEntry](d, Inventory, 0)
	require.NoError(t, err)
	require.Equal(t, inv, got)
	names, err := d.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"inventory.img"}, names)
	require.NoError(t, d.Begin())
	_, err = ReadOne[InventoryEntry](d, Inventory, 0)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestParent(t *testing.T) {
	d := openTemp(t)
	_, err := d.Parent()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.Mkdir(filepath.Join(d.Path(), "a"), 0o700))
	for range 2 {
		require.NoError(t, d.SetParent("a"))
		p, err := d.Parent()
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
}

func TestParseName(t *testing.T) {
	for k := range numKinds {
		got, id, ok := ParseName(k.FileName(31))
		require.True(t, ok, k)
		require.Equal(t, k, got)
		if kinds[k].base != 0 {
			require.Equal(t, 31, id)
		}
	}
	require.Equal(t, "ghost-file-1f.img", GhostFile.FileName(31))
	for _, name := range []string{"core-.img", "core-01.img", "core-x.img", "core-1", "pages-99999999999999999999.img", ""} {
		_, _, ok := ParseName(name)
		require.False(t, ok, name)
	}
}

// Our own files are refused when any byte of them has changed.
func TestSeal(t *testing.T) {
	d := openTemp(t)
	want := &XstateEntry{Components: []*XstateComponent{{Number: 18, Size: 8192, Data: []byte{1, 2, 3}}}}
	require.NoError(t, d.Write(Xstate, 3, want))
	got, err := ReadOne[XstateEntry](d, Xstate, 3)
	require.NoError(t, err)
	require.Equal(t, want, got)
	path := filepath.Join(d.Path(), "woodfrog-xstate-3.img")
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range file {
		file[i] ^= 4
		require.NoError(t, os.WriteFile(path, file, 0o600))
		_, err := ReadOne[XstateEntry](d, Xstate, 3)
		require.ErrorContains(t, err, "woodfrog-xstate-3.img: ", i)
		file[i] ^= 4
	}
}

func TestTags(t *testing.T) {
	d := copyImages(t)
	set, err := Load(d, LoadOptions{})
	require.NoError(t, err)
	task := set.Tasks[0]
	v := task.Mm.Vmas[0]
	const protMTE = 0x20
	for _, c := range []struct {
		prot uint32
		runs []*TagRun
		want string
	}{
		{protMTE, []*TagRun{{Start: v.Start, Tags: []byte{0x21, 0x43}}, {Start: v.Start + 64, Tags: []byte{0xff}}}, ""},
		{0, []*TagRun{{Start: 1, Tags: []byte{1}}}, ""}, // an older image's
		{protMTE, []*TagRun{{Start: v.Start + 16}}, "runs[0].start: 0x400010: not in order"},
		{protMTE, []*TagRun{{Start: v.Start, Tags: []byte{1, 2}}, {Start: v.Start + 32}}, "runs[1].start: 0x400020: not in order"},
		{protMTE, []*TagRun{{Start: 0}}, "runs[0].start: 0x0: in no area that can have tags"},
		{protMTE, []*TagRun{{Start: v.End - 32, Tags: []byte{1, 2}}}, "runs[0].tags: 2 bytes: more than the area"},
	} {
		v.Prot = v.Prot&^protMTE | c.prot
		require.NoError(t, d.Write(Mm, task.Pid(), task.Mm))
		require.NoError(t, d.Write(Tags, task.Pid(), &TagsEntry{Runs: c.runs}))
		got, err := Load(d, LoadOptions{})
		if c.want != "" {
			require.ErrorContains(t, err, Tags.FileName(task.Pid())+": "+c.want)
			continue
		}
		require.NoError(t, err)
		if c.prot == 0 {
			c.runs = nil
		}
		require.Equal(t, c.runs, got.Tasks[0].Tags)
	}
}
