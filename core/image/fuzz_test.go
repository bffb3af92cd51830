package image

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// What we decode, go-criu's messages decode to the same; and it encodes and decodes to itself.
func FuzzUnmarshal(f *testing.F) {
	names := slices.Sorted(maps.Keys(messagesByName))
	f.Add(uint(0), []byte{})
	f.Add(uint(slices.Index(names, "aa_namespace")), []byte(strings.Repeat("\x1a\x02", 5)))
	eachSeed(f, func(k Kind, _ int, file []byte) {
		if k.New() == nil {
			return
		}
		at := len(k.header(nil)) + 4
		f.Add(uint(slices.Index(names, k.New().table().name)), file[at:])
	})
	f.Fuzz(func(t *testing.T, which uint, b []byte) {
		name := names[which%uint(len(names))]
		m := newMessage(name)
		if Unmarshal(b, m) != nil {
			return
		}
		out, err := Marshal(m)
		require.NoError(t, err)
		again := newMessage(name)
		require.NoError(t, Unmarshal(out, again))
		require.Equal(t, m, again)

		mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
		require.NoError(t, err)
		theirs, same := mt.New().Interface(), mt.New().Interface()
		require.NoError(t, proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, theirs))
		require.NoError(t, proto.Unmarshal(out, same))
		require.True(t, proto.Equal(theirs, same))
	})
}

// eachSeed calls f with every image file of testdata.
func eachSeed(tb testing.TB, f func(k Kind, id int, file []byte)) {
	tb.Helper()
	entries, err := os.ReadDir(criuImages)
	require.NoError(tb, err)
	for _, e := range entries {
		k, id, ok := ParseName(e.Name())
		require.True(tb, ok, e.Name())
		file, err := os.ReadFile(filepath.Join(criuImages, e.Name()))
		require.NoError(tb, err)
		f(k, id, file)
	}
}

// Any bytes as a file of any kind are read to their end or refused; nothing is returned that the file does not have.
func FuzzReader(f *testing.F) {
	eachSeed(f, func(k Kind, _ int, file []byte) { f.Add(uint8(k), file, int64(3)) })
	f.Add(uint8(Xstate), Xstate.header(nil), int64(0))
	f.Add(uint8(PipesData), PipesData.header(nil), int64(-1))
	d, err := OpenDir(f.TempDir())
	require.NoError(f, err)
	f.Cleanup(func() { d.Close() })
	f.Fuzz(func(t *testing.T, which uint8, file []byte, payload int64) {
		k := Kind(which) % numKinds
		if k.New() == nil {
			return
		}
		require.NoError(t, os.WriteFile(filepath.Join(d.Path(), k.FileName(1)), file, 0o600))
		r, err := d.Open(k, 1)
		if err != nil {
			return
		}
		defer r.Close()
		used := int64(len(k.header(nil)))
		for {
			err := r.Next(k.New())
			off, left := r.Offset()
			require.Equal(t, int64(len(file)), off+left)
			if errors.Is(err, io.EOF) {
				require.Zero(t, left)
			}
			if err != nil {
				return
			}
			require.GreaterOrEqual(t, off, used+4)
			used = off
			if b, err := r.Payload(payload); err == nil {
				require.Equal(t, file[off:off+payload], b)
				used += payload
			}
		}
	})
}

// A set with any one file replaced is loaded or refused.
func FuzzLoad(f *testing.F) {
	d := copyImages(f)
	var names []string
	eachSeed(f, func(k Kind, id int, file []byte) {
		f.Add(uint(len(names)), file)
		f.Add(uint(len(names)), file[:len(file)/2])
		names = append(names, k.FileName(id))
	})
	f.Fuzz(func(t *testing.T, which uint, file []byte) {
		name := names[which%uint(len(names))]
		path := filepath.Join(d.Path(), name)
		old, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, file, 0o600))
		defer func() { require.NoError(t, os.WriteFile(path, old, 0o600)) }()
		s, err := Load(d, LoadOptions{PageSize: 4096})
		if err != nil {
			require.ErrorContains(t, err, ".img")
			return
		}
		Summarize(s).print(io.Discard)
		for _, task := range s.Tasks {
			require.NotEmpty(t, task.Threads)
			require.True(t, task.Dead() || task.Mm != nil && task.Pagemap != nil && task.Ids != nil && task.Fs != nil)
		}
	})
}

// Any registers that an image holds become the kernel's bytes or are refused, and come back as they were.
func FuzzX86(f *testing.F) {
	eachSeed(f, func(k Kind, _ int, file []byte) {
		var core CoreEntry
		if k != Core || Unmarshal(file[12:], &core) != nil || core.ThreadInfo == nil {
			return
		}
		b, err := Marshal(core.ThreadInfo)
		require.NoError(f, err)
		f.Add(b)
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		ti := new(ThreadInfoX86)
		if Unmarshal(b, ti) != nil {
			return
		}
		if gpr, err := X86Prstatus(ti.Gpregs); err == nil {
			r, err := X86Gpregs(gpr)
			require.NoError(t, err)
			again, err := X86Prstatus(r)
			require.NoError(t, err)
			require.Equal(t, gpr, again)
		}
		raw, err := X86Xstate(ti.Fpregs, nil, &amdLayout, 2440)
		if err != nil {
			return
		}
		fp, rest, err := X86Fpregs(raw, &amdLayout)
		require.NoError(t, err)
		again, err := X86Xstate(fp, rest, &amdLayout, 2440)
		require.NoError(t, err)
		require.Equal(t, raw, again)
	})
}
