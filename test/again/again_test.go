// Package again holds the test that a dump, a restore and another dump give equal images, but for the fields that
// ARCHITECTURE.md names.
package again

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/core/image"
	"woodfrog/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// changing are the fields that the second image has otherwise, as ARCHITECTURE.md lists them.
var changing = []*regexp.Regexp{
	regexp.MustCompile(`^Inventory\.DumpUptime$`),
	regexp.MustCompile(`^Tasks\[\d+\]\.Threads\[\d+\]\.Core\.Tc\.Flags$`),
	regexp.MustCompile(`\.Fpregs\.Xsave\.XstateBv$`),
}

// rseqHead are the bytes of a thread's rseq area that the kernel writes whenever the thread comes to run: cpu_id_start,
// cpu_id, and after rseq_cs and flags node_id and mm_cid (include/uapi/linux/rseq.h).
var rseqHead = [][2]uint64{{0, 8}, {20, 28}}

func TestAgain(t *testing.T) { testenv.Each(t, testAgain) }

func testAgain(t *testing.T) {
	for _, args := range [][]string{{"sleep"}, {"threads", "3"}, {"threads", "64"}, {"tree", "3", "2"}, {"files", "4", "2"}, {"memory", "2"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			testenv.Root(t)
			testenv.NoLeaks(t)
			testenv.Subreaper(t)
			w := testenv.Bare(t, args...)
			dumpRestore(t, w) // a call that a restore ends by EINTR is not made a second time
			first := dumpRestore(t, w)
			second := dumpRestore(t, w)
			w.Check()
			var differ []string
			diff("", reflect.ValueOf(first.set).Elem(), reflect.ValueOf(second.set).Elem(), &differ)
			differ = slices.DeleteFunc(differ, func(path string) bool {
				return slices.ContainsFunc(changing, func(re *regexp.Regexp) bool { return re.MatchString(strings.Split(path, ":")[0]) })
			})
			require.Empty(t, differ)
			for i := range first.set.Tasks {
				require.Equal(t, first.pages(t, i), second.pages(t, i), "pages of task %d", i)
			}
		})
	}
}

type images struct {
	dir string
	set *image.Set
}

func dumpRestore(t *testing.T, w *testenv.Workload) images {
	settle(t, w)
	dir := t.TempDir()
	_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: dir})
	require.NoError(t, err)
	w.Gone()
	d, err := image.OpenDir(dir)
	require.NoError(t, err)
	defer d.Close()
	set, err := image.Load(d, image.LoadOptions{})
	require.NoError(t, err)
	number(set)
	_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: dir, RestoreDetached: true})
	require.NoError(t, err)
	return images{dir, set}
}

// settle waits until all threads of w sleep: one that still runs has other registers the next time.
func settle(t *testing.T, w *testenv.Workload) {
	sleeping := func() bool {
		for _, pid := range w.Tasks() {
			stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			require.NoError(t, err)
			for _, stat := range stats {
				b, err := os.ReadFile(stat)
				if err != nil || !bytes.Contains(b, []byte(") S ")) {
					return false
				}
			}
		}
		return true
	}
	require.Eventually(t, sleeping, 10*time.Second, 20*time.Millisecond)
}

// number replaces the inode numbers of pipes, by which the image knows them, by their order.
func number(s *image.Set) {
	ids := make([]uint32, 0, len(s.Files))
	for id := range s.Files {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	numbers := map[uint32]uint32{}
	for _, id := range ids {
		if p := s.Files[id].Pipe; p != nil {
			if numbers[p.PipeId] == 0 {
				numbers[p.PipeId] = uint32(len(numbers) + 1)
			}
			p.PipeId = numbers[p.PipeId]
		}
	}
	pipes := map[uint32]*image.PipeData{}
	for id, data := range s.Pipes {
		data.Entry.PipeId = numbers[id]
		pipes[numbers[id]] = data
	}
	s.Pipes = pipes
}

// pages are the contents of a task's pages by address, what the kernel writes by itself left out.
func (im images) pages(t *testing.T, task int) map[uint64]string {
	st := im.set.Tasks[task]
	all := map[uint64]string{}
	if st.Dead() || st.Pagemap == nil {
		return all
	}
	f, err := os.Open(fmt.Sprintf("%s/pages-%d.img", im.dir, st.Pagemap.PagesID))
	require.NoError(t, err)
	defer f.Close()
	page := uint64(os.Getpagesize())
	for _, r := range st.Pagemap.Runs {
		for at := r.Addr; at < r.End; at += page {
			b := make([]byte, page)
			_, err := io.ReadFull(io.NewSectionReader(f, r.Off+int64(at-r.Addr), int64(page)), b)
			require.NoError(t, err)
			for _, th := range st.Threads {
				if q := th.Core.ThreadCore.RseqEntry; q != nil {
					for _, part := range rseqHead {
						blank(b, at, q.RseqAbiPointer+part[0], q.RseqAbiPointer+part[1])
					}
				}
			}
			all[at] = string(bytes.TrimRight(b, "\x00"))
		}
	}
	return all
}

func blank(b []byte, at, from, to uint64) {
	for x := from; x < to; x++ {
		if x >= at && x-at < uint64(len(b)) {
			b[x-at] = 0
		}
	}
}

// diff appends the paths of what differs in a and b. Links between tasks are left out: the tree is compared by its entries.
func diff(path string, a, b reflect.Value, out *[]string) {
	if a.Kind() != b.Kind() || (a.Kind() == reflect.Pointer || a.Kind() == reflect.Map) && a.IsNil() != b.IsNil() {
		*out = append(*out, path)
		return
	}
	switch a.Kind() {
	case reflect.Pointer:
		if !a.IsNil() {
			diff(path, a.Elem(), b.Elem(), out)
		}
	case reflect.Struct:
		for i := range a.NumField() {
			f := a.Type().Field(i)
			if f.IsExported() && f.Name != "Parent" && f.Name != "Children" {
				diff(strings.TrimPrefix(path+"."+f.Name, "."), a.Field(i), b.Field(i), out)
			}
		}
	case reflect.Slice:
		if a.Len() != b.Len() {
			*out = append(*out, path)
			return
		}
		for i := range a.Len() {
			diff(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i), out)
		}
	case reflect.Map:
		if a.Len() != b.Len() {
			*out = append(*out, path)
			return
		}
		for _, k := range a.MapKeys() {
			if !b.MapIndex(k).IsValid() {
				*out = append(*out, fmt.Sprintf("%s[%v]", path, k))
				continue
			}
			diff(fmt.Sprintf("%s[%v]", path, k), a.MapIndex(k), b.MapIndex(k), out)
		}
	default:
		if !a.Equal(b) {
			*out = append(*out, fmt.Sprintf("%s: %v, then %v", path, a, b))
		}
	}
}
