package kerndat

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core/vdso"
)

// native is the ABI of this process.
var native = host.Backend().Native()

// warm is a cache that was just written, and what is in it.
func warm(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	k := Facts{ABI: native, Dirs: []string{dir}}
	learn(t, &k)
	k.Save()
	return dir, filepath.Join(dir, cacheName)
}

func learn(t testing.TB, k *Facts) *VDSO {
	t.Helper()
	v, err := k.VDSO(native)
	require.NoError(t, err)
	for _, f := range lasting {
		_, err := k.Ask(f)
		require.NoError(t, err)
	}
	return v
}

func TestVDSOOfThisKernel(t *testing.T) {
	k := Facts{ABI: native, Dirs: []string{}}
	v := learn(t, &k)
	require.NotEmpty(t, v.Group)
	require.NotEmpty(t, v.Image.BuildID)
	require.NotEmpty(t, v.Image.Functions())
	code, ok := v.Group.Code()
	require.True(t, ok)
	require.Len(t, v.Code, int(code.Size()))
	for i := 1; i < len(v.Group); i++ {
		require.Equal(t, v.Group[i-1].End, v.Group[i].Start, "a group is one piece")
	}
	hint, err := k.Ask(VDSOHint)
	require.NoError(t, err)
	require.Equal(t, Yes, hint)
}

func TestCacheSavesProbes(t *testing.T) {
	dir, file := warm(t)
	st, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)

	cold := Facts{ABI: native, Dirs: []string{}}
	want := learn(t, &cold)
	old := features
	defer func() { features = old }()
	for i := range features {
		features[i].probe = func() (bool, error) { t.Fatal("probed again"); return false, nil }
	}
	k := Facts{ABI: native, Dirs: []string{"/nonexistent", dir}}
	got := learn(t, &k)
	require.Equal(t, want.Image, got.Image)
	require.Equal(t, want.Group, got.Group)
	require.True(t, bytes.Equal(want.Code, got.Code))
	for _, f := range lasting {
		require.Equal(t, cold.answers[f], k.answers[f])
	}
	require.False(t, k.fresh)
}

// TestBadCacheIsWrittenAnew spoils the cache in every way that comes to mind: nothing of it is believed, and it is replaced.
func TestBadCacheIsWrittenAnew(t *testing.T) {
	write := func(edit func(text string) string) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(edit(string(text))), 0o600))
		}
	}
	// resealed has a right checksum all the same.
	resealed := func(from, to string) func(*testing.T, string) {
		return write(func(text string) string {
			require.Contains(t, text, from)
			body := strings.Replace(text[:strings.LastIndex(text, "\nend ")+1], from, to, 1)
			return string(seal([]byte(body)))
		})
	}
	for name, spoil := range map[string]func(*testing.T, string){
		"empty":           write(func(string) string { return "" }),
		"truncated":       write(func(s string) string { return s[:len(s)/2] }),
		"last byte":       write(func(s string) string { return s[:len(s)-1] }),
		"a bit":           write(func(s string) string { return strings.Replace(s, "can_map_vdso yes", "can_map_vdso no", 1) }),
		"other boot":      resealed("woodfrog-kdat 1 ", "woodfrog-kdat 1 x"),
		"other version":   resealed("woodfrog-kdat 1 ", "woodfrog-kdat 2 "),
		"unknown line":    resealed("feature ", "wish "),
		"bad area":        resealed("area x86_64 ", "area x86_64 z"),
		"bad image":       resealed("vdso x86_64 f0VMR", "vdso x86_64 AAAAA"),
		"not base64":      resealed("vdso x86_64 f0VMR", "vdso x86_64 f?VMR"),
		"huge":            write(func(s string) string { return s + strings.Repeat("x", cacheLimit) }),
		"readable by all": func(t *testing.T, file string) { require.NoError(t, os.Chmod(file, 0o644)) },
		"someone else's":  func(t *testing.T, file string) { chown(t, file) },
		"a link": func(t *testing.T, file string) {
			require.NoError(t, os.Rename(file, file+"x"))
			require.NoError(t, os.Symlink(file+"x", file))
		},
		"two names":        func(t *testing.T, file string) { require.NoError(t, os.Link(file, file+"x")) },
		"removed meantime": func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := warm(t)
			good, err := os.ReadFile(file)
			require.NoError(t, err)
			spoil(t, file)
			k := Facts{ABI: native, Dirs: []string{dir}}
			k.load()
			for _, v := range k.vdsos {
				require.Error(t, v.unpack())
				k.answers = [NumFeatures]Answer{} // each fact is believed or not by itself
			}
			require.Equal(t, [NumFeatures]Answer{}, k.answers)
			learn(t, &k)
			k.Save()
			again, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, k.key, string(again[:len(k.key)]))
			require.Len(t, again, len(good))
		})
	}
	t.Run("nowhere to write", func(t *testing.T) {
		k := Facts{ABI: native, Dirs: []string{"/proc", "/nonexistent"}}
		learn(t, &k)
		k.Save()
	})
}

func TestCacheKnowsGroupsWithoutCode(t *testing.T) {
	k := Facts{vdsos: map[string]*VDSO{"none": {}}}
	var read Facts
	require.NoError(t, read.decode(k.encode("key"), "key"))
	require.Equal(t, &VDSO{}, read.vdsos["none"])
	require.Error(t, read.decode(k.encode("key"), "another"))
	k = Facts{vdsos: map[string]*VDSO{"x": {Group: vdso.Group{{Start: 1, End: 2, Name: "[vvar]"}}}}}
	require.NoError(t, read.decode(k.encode("key"), "key"))
	require.Equal(t, k.vdsos["x"], read.vdsos["x"])
}

func FuzzCache(f *testing.F) {
	var k Facts
	f.Add(k.encode("key"))
	f.Add(seal([]byte("key\nvdso x\narea x 1 2 3 [vvar]\nfeature can_map_vdso yes\n")))
	f.Fuzz(func(t *testing.T, text []byte) {
		var read Facts
		if read.decode(seal(text), "key") == nil {
			require.NoError(t, new(Facts).decode(read.encode("key"), "key"))
		}
	})
}

// BenchmarkCold is what a first command on a machine pays.
func BenchmarkCold(b *testing.B) {
	for b.Loop() {
		k := Facts{ABI: native, Dirs: []string{b.TempDir()}}
		learn(b, &k)
		k.Save()
	}
}

func BenchmarkWarmFeature(b *testing.B) {
	k := Facts{ABI: native, Dirs: []string{b.TempDir()}}
	learn(b, &k)
	k.Save()
	for b.Loop() {
		warm := Facts{ABI: native, Dirs: k.Dirs}
		_, _ = warm.Ask(VDSOHint)
	}
}

func BenchmarkWarmVDSO(b *testing.B) {
	k := Facts{ABI: native, Dirs: []string{b.TempDir()}}
	learn(b, &k)
	k.Save()
	for b.Loop() {
		warm := Facts{ABI: native, Dirs: k.Dirs}
		_, _ = warm.VDSO(native)
	}
}

func chown(t *testing.T, file string) {
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(file, 0o400)) // the next best
		return
	}
	require.NoError(t, os.Chown(file, 12345, 12345))
}
