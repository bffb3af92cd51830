package procfs

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// What is malformed is an error that says where.
func TestErrors(t *testing.T) {
	const head = "pos:\t0\nflags:\t02\nmnt_id:\t15\n"
	for _, c := range []struct{ parser, in, want string }{
		{"maps", "1000-2000 r-xp 0 00:00 0\n3000-2000 r-xp 0 00:00 0\n", "line 2: field 7: bad area"},
		{"maps", "1000-2000 r-xp 0 00:00 x \n", `line 1: field 7: bad number "x"`},
		{"maps", "1000-2000 r-x 0 00:00 0 \n", "line 1: field 7: bad area or permissions"},
		{"maps", "10000000000000000-2000 r-xp 0 00:00 0 \n", `field 1: bad number "10000000000000000"`},
		{"maps", "\n", "line 1: field 1: no '-'"},
		{"smaps", "Rss: 4 kB\n", `line 1: "Rss: 4 kB" before the first area`},
		{"smaps", "1000-2000 r-xp 0 00:00 0 \nRss: 4 MB\n", `line 2: Rss: field 2: unit "MB" is not kB`},
		{"smaps", "1000-2000 r-xp 0 00:00 0 \nRss: 18014398509481984 kB\n", "line 2: Rss: field 1: 18014398509481984 is out of range"},
		{"stat", "", "field 2: no comm"},
		{"stat", "1 )x( S 1", "field 2: no comm"},
		{"stat", "1 (x) S 1 2", "field 6: missing"},
		{"stat", "1 (x) S 1 2 3 4 5 -6", `field 9: bad number "-6"`},
		{"stat", "1 (x) Sleeping 1", `field 3: state "Sleeping"`},
		{"stat", "3000000000 (x) S 1", "field 1: 3000000000 is out of range"},
		{"status", "Name:\tx\nState:\tS (sleeping)\n", "no line Name, State or Pid"},
		{"status", "Name:\tx\nUid:\t1\t2\t3\n", "line 2: Uid: field 4: missing"},
		{"status", "Name:\tx\nSigQ:\t1 2\n", "line 2: SigQ: field 1: no '/'"},
		{"limits", "Limit Soft Hard\nMax cpu time              unlimited            unlimited            seconds\n", "Max file size is missing"},
		{"limits", "Limit\nMax cpu time              unlimited            -1                   seconds\n", `line 2: field 3: bad number "-1"`},
		{"limits", "Limit\nMax cpu time              1 1 s\nMax cpu time              1 1 s\n", "Max cpu time is given twice"},
		{"fdinfo", "pos:\t0\nflags:\t02\n", "mnt_id is missing"},
		{"fdinfo", "pos:\t0\nflags:\t09\nmnt_id:\t15\n", `line 2: flags: field 1: bad number "09"`},
		{"fdinfo", head + "lock:\t1: POSIX  ADVISORY  EXCL 1 08:01:131 0 EOF\n", `line 4: lock: field 4: "EXCL" is none of`},
		{"fdinfo", head + "tfd: 5 events: 19 data: 5 pos:0 ino:61af\n", "line 4: tfd: field 8: missing"},
		{"fdinfo", head + "clockid: 1\nit_value: (1, 1000000000)\n", "line 5: it_value: field 3: 1000000000 is out of range"},
		{"fdinfo", head + "inotify wd:1 ino:2 f_handle:e10\n", "line 4: field 4: f_handle: "},
		{"fdinfo", head + "inotify wd\n", `line 4: field 2: no key in "wd"`},
		{"timers", "signal: 1/0\n", `line 1: "signal" before the first ID`},
		{"timers", "ID: 1\nsignal: 1/0\nnotify: signal/pid.1\nID: 2\n", "line 4: timer 1 is not complete"},
		{"timers", "ID: 1\nsignal: 1/0\nnotify: post/pid.1\n", `line 3: notify: field 1: "post" is none of`},
		{"mountinfo", "36 35 98:0 /a /b rw shared:1 ext3 /dev/root rw\n", "line 1: field 11: missing"},
		{"mountinfo", "36 35 98:0 /a /b rw shared:x - ext3 /dev/root rw\n", `bad number "x"`},
		{"cgroup", "0::x\n", "line 1: field 2: path"},
		{"idmap", "0 0 0\n", "line 1: field 3: bad map"},
		{"children", "1 2 x \n", `field 3: bad number "x"`},
		{"syscall", "1 0x1 0x2\n", "field 4: missing"},
		{"syscall", "-1 1 0x2\n", "does not begin with 0x"},
		{"auxv", strings.Repeat("\x01", 40), "no AT_NULL after 2 entries"},
	} {
		t.Run(c.parser+" "+c.in, func(t *testing.T) {
			for _, p := range parsers {
				if p.name == c.parser {
					_, err := p.parse([]byte(c.in))
					require.ErrorContains(t, err, c.want)
					return
				}
			}
			t.Fatalf("no parser %s", c.parser)
		})
	}
}

// The error of a Task names the file.
func TestTaskErrors(t *testing.T) {
	task := OpenFS(fstest.MapFS{
		"12/stat":          {Data: []byte("12 (x) S 1 2")},
		"12/task/13/stat":  {Data: []byte("13 (x) S y")},
		"12/loginuid":      {Data: []byte("4294967296")},
		"12/ns/mnt":        {Data: []byte("mnt:4026531841"), Mode: os.ModeSymlink},
		"12/oom_score_adj": {Data: []byte("-1000\n")},
	}, 12)
	_, err := task.Stat()
	require.EqualError(t, err, "12/stat: field 6: missing")
	_, err = task.Thread(13).Stat()
	require.EqualError(t, err, `12/task/13/stat: field 4: bad number "y"`)
	_, err = task.Loginuid()
	require.EqualError(t, err, "12/loginuid: 4294967296 is out of range")
	_, err = task.Ns("mnt")
	require.EqualError(t, err, `12/ns/mnt: "mnt:4026531841" names no namespace`)
	_, err = task.Maps()
	require.ErrorIs(t, err, os.ErrNotExist)
	adj, err := task.OOMScoreAdj()
	require.NoError(t, err)
	require.Equal(t, -1000, adj)

	_, err = Open("/proc", 1<<30)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "/proc/1073741824: ")
}

func TestVmFlags(t *testing.T) {
	all := strings.Join(vmNames[:], " ")
	flags := parseVmFlags([]byte(all + " "))
	require.Equal(t, VmFlags(1)<<vmKnown-1, flags)
	require.Equal(t, all, flags.String())
	require.Equal(t, VmRead|VmSealed, parseVmFlags([]byte("rd sl ")))
	require.Equal(t, VmNonlinear|VmMPX, parseVmFlags([]byte("nl mp")))
	require.Equal(t, VmUffdMinor|VmUnknown, parseVmFlags([]byte("ui ZZ\x00z é")))
	require.Zero(t, parseVmFlags(nil))
}

func TestPageEntry(t *testing.T) {
	for _, c := range []struct {
		entry                                               PageEntry
		present, swapped, file, dirty, exclusive, wp, guard bool
	}{
		{0x8000000000001234, true, false, false, false, false, false, false},
		{0xa180000000000001, true, false, true, true, true, false, false},
		{0x4200000000000000, false, true, false, false, false, true, false},
		{0x0400000000000000, false, false, false, false, false, false, true},
	} {
		e := c.entry
		require.Equal(t, []bool{c.present, c.swapped, c.file, c.dirty, c.exclusive, c.wp, c.guard},
			[]bool{e.Present(), e.Swapped(), e.FileOrShared(), e.SoftDirty(), e.Exclusive(), e.UffdWP(), e.Guard()}, "%#x", e)
	}
	require.Equal(t, uint64(0x1234), PageEntry(0x8080000000001234).PFN())
	kind, offset := PageEntry(0x4080000000000043).Swap()
	require.Equal(t, 3, kind)
	require.Equal(t, uint64(2), offset)
	require.Equal(t, PageEntry(0x0202020202020202), PageAt([]byte("\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x02\x02\x02\x02\x02\x02"), 1))
}
