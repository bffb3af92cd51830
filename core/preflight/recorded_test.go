package preflight

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
)

// What no test can count on here is looked at as other machines have shown it.

const (
	allCaps = "000001ffffffffff"
	noAdmin = "000001ffffdfffff" // without CAP_SYS_ADMIN
)

// recorded is a scan of a task 12 by an engine 7, from files in a directory for each.
func recorded(t *testing.T, files map[string]string) (*scan, *subject) {
	t.Helper()
	m := fstest.MapFS{}
	for name, text := range files {
		mode := fs.FileMode(0o444)
		if len(name) > 5 && name[len(name)-5:] == ".link" {
			name, mode = name[:len(name)-5], fs.ModeSymlink
		}
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: mode}
	}
	s := &scan{DumpOptions: options(t, 12), self: 7, open: func(pid int) (*procfs.Task, error) { return procfs.OpenFS(m, pid), nil }}
	s.engineSide()
	task := &subject{pid: 12, proc: procfs.OpenFS(m, 12)}
	if text, ok := files["12/status"]; ok {
		var err error
		task.status, err = procfs.ParseStatus([]byte(text))
		require.NoError(t, err)
	}
	return s, task
}

func status(lines string) string { return "Name:\tx\nState:\tS (sleeping)\nPid:\t12\n" + lines }

func engineWith(caps, seccomp string) string {
	return "Name:\twoodfrog\nState:\tR (running)\nTgid:\t7\nPid:\t7\nUid:\t0\t0\t0\t0\nCapPrm:\t" + caps + "\nCapEff:\t" + caps + "\nSeccomp:\t" + seccomp + "\n"
}

func TestSecurity(t *testing.T) {
	for _, c := range []struct {
		name   string
		status string
		engine string
		labels [2]string // of the engine and the task
		thing  string
		cause  string
	}{
		{name: "no filter", status: "Seccomp:\t0\n", engine: engineWith(noAdmin, "2")},
		{name: "filter", status: "Seccomp:\t2\n", engine: engineWith(allCaps, "0")},
		{name: "filter, no CAP_SYS_ADMIN", status: "Seccomp:\t2\n", engine: engineWith(noAdmin, "0"), thing: "seccomp filter", cause: "suspending it takes CAP_SYS_ADMIN"},
		{name: "both filtered", status: "Seccomp:\t2\n", engine: engineWith(allCaps, "2"), thing: "seccomp filter", cause: "woodfrog itself is filtered, and so may not suspend it"},
		{name: "shadow stack", status: "x86_Thread_features:\tshstk \n", thing: "shadow stack", cause: "is not served yet"},
		{name: "same label", labels: [2]string{"unconfined\n", "unconfined\n"}},
		{name: "another label", labels: [2]string{"unconfined\n", "docker-default (enforce)\n"}, thing: "security label docker-default (enforce)",
			cause: "a restored process would have woodfrog's, unconfined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"12/status": status(c.status), "7/status": c.engine}
			if c.labels[0] != "" {
				files["7/attr/current"], files["12/attr/current"] = c.labels[0], c.labels[1]
			}
			s, task := recorded(t, files)
			s.security(task)
			if c.thing == "" {
				require.Empty(t, task.found)
				return
			}
			require.Len(t, task.found, 1)
			require.Equal(t, c.thing, task.found[0].Thing)
			require.Equal(t, c.cause, task.found[0].Cause)
			require.NotEmpty(t, task.found[0].Remedy)
		})
	}
}

func TestNamespacesOfARecordedTask(t *testing.T) {
	files := map[string]string{"12/status": status("NSpid:\t12\n")}
	for _, n := range namespaces {
		files["7/ns/"+n.name+".link"] = n.name + ":[1]"
		files["12/ns/"+n.name+".link"] = n.name + ":[1]"
	}
	s, task := recorded(t, files)
	s.namespaces(task)
	require.Empty(t, task.found)

	files["12/ns/time.link"], files["12/ns/user.link"] = "time:[2]", "user:[3]"
	files["12/status"] = status("NSpid:\t12\t1\n")
	s, task = recorded(t, files)
	s.namespaces(task)
	require.Equal(t, Obstacles{{12, "PID, user, time namespace", "is not that of woodfrog: namespaces are not served yet",
		"dump and restore from within: nsenter --target 12 --pid --user --time woodfrog ..."}}, task.found)

	// a kernel without one of them has no link on either side
	delete(files, "7/ns/time.link")
	delete(files, "12/ns/time.link")
	files["12/ns/user.link"], files["12/status"] = "user:[1]", status("NSpid:\t12\n")
	s, task = recorded(t, files)
	s.namespaces(task)
	require.Empty(t, task.found)
}

func TestRefusalOfTracing(t *testing.T) {
	for _, c := range []struct{ engine, status, cause string }{
		{engineWith(allCaps, "0"), "Uid:\t5\t5\t5\t5\n", "although woodfrog has CAP_SYS_PTRACE"},
		{engineWith("0000000000000000", "0"), "Uid:\t5\t5\t5\t5\n", "it belongs to user 5, woodfrog runs as user 0 without CAP_SYS_PTRACE"},
		{engineWith("0000000000000000", "0"), "Uid:\t0\t0\t0\t0\nCapPrm:\t0000000000000001\n", "it has capabilities that woodfrog lacks"},
		{engineWith("0000000000000000", "0"), "Uid:\t0\t0\t0\t0\n", "without CAP_SYS_PTRACE"},
	} {
		s, task := recorded(t, map[string]string{"12/status": status(c.status), "7/status": c.engine})
		cause, remedy := s.refusal(task)
		require.Contains(t, cause, c.cause)
		require.NotEmpty(t, remedy)
	}
}

// Of a deleted file there is one line, wherever in a task it is met. A file whose name ends as theirs do, and that is there, is none.
func TestAreasOfDeletedFiles(t *testing.T) {
	there := filepath.Join(t.TempDir(), "there (deleted)")
	require.NoError(t, os.WriteFile(there, []byte("x"), 0o600))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(there, &st))
	maps := fmt.Sprintf(`400000-401000 r-xp 00000000 08:01 5 /gone/program (deleted)
401000-402000 r--p 00001000 08:01 5 /gone/program (deleted)
402000-403000 rw-p 00000000 00:00 0%[1]s
403000-404000 rw-p 00002000 08:01 5 /gone/program (deleted)
404000-405000 r--p 00000000 08:01 %[2]d %[3]s
405000-406000 r--p 00000000 08:01 %[4]d %[3]s
`, " ", st.Ino, there, st.Ino+1)
	s, task := recorded(t, map[string]string{"12/maps": maps})
	s.descriptor(task, 4, "/gone/program (deleted)")
	s.areas(task)
	var got [][2]string
	for _, o := range task.found {
		got = append(got, [2]string{o.Thing, o.Cause})
	}
	require.Equal(t, [][2]string{
		{"fd 4 and 3 more", "/gone/program: a deleted file: not served yet"},
		{"vma 405000-406000", "maps " + strings.TrimSuffix(there, " (deleted)") + ": a deleted file: not served yet"},
	}, got)
}

func TestAreas(t *testing.T) {
	const maps = `400000-401000 r-xp 00000000 08:01 5 /bin/true
401000-402000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000200000 rw-p 00000000 00:0f 9 /anon_hugepage (deleted)
7f0000200000-7f0000400000 rw-p 00000000 00:0f 9 /anon_hugepage (deleted)
7f0000400000-7f0000401000 rw-s 00000000 00:01 7 /dev/zero (deleted)
7f0000401000-7f0000402000 rw-s 00000000 00:01 8 /memfd:x (deleted)
7f0000402000-7f0000403000 rw-s 00000000 00:0e 1 anon_inode:[io_uring]
7f0000403000-7f0000404000 rw-s 00000000 00:0e 1 anon_inode:[perf_event]
7f0000405000-7f0000406000 rw-s 00000000 00:06 2 /dev/null
7f0000406000-7f0000407000 rw-s 00000000 00:06 2 /dev/no-such-device
7fffffffe000-7ffffffff000 --xp 00000000 00:00 0 [uprobes]
7ffffffff000-7fffffffff00 r-xp 00000000 00:00 0 [vdso]
`
	s, task := recorded(t, map[string]string{"12/maps": maps})
	s.areas(task)
	var got [][2]string
	for _, o := range task.found {
		got = append(got, [2]string{o.Thing, o.Cause})
	}
	require.Equal(t, [][2]string{
		{"vma 7f0000000000-7f0000200000 and 1 more", "maps /anon_hugepage: memory in huge pages: not served yet"},
		{"vma 7f0000402000-7f0000403000", "maps anon_inode:[io_uring]: an io_uring instance: not served yet"},
		{"vma 7f0000403000-7f0000404000", "maps anon_inode:[perf_event]: a performance counter: not served yet"},
		{"vma 7f0000406000-7f0000407000", "maps /dev/no-such-device: a file that woodfrog cannot reach: not served yet"},
		{"vma 7fffffffe000-7ffffffff000", "a probe (uprobe) has mapped it"},
	}, got)
}

func TestFrozenCgroup(t *testing.T) {
	s, task := recorded(t, map[string]string{"12/cgroup": "4:freezer,net_cls:/a/b\n1:name=systemd:/x\n0::/c/d\n"})
	s.frozen = map[string]string{
		"/sys/fs/cgroup/freezer,net_cls/a/b": "THAWED", "/sys/fs/cgroup/freezer,net_cls/a": "FROZEN",
	}
	s.cgroups(task)
	require.Equal(t, Obstacles{{12, "cgroup /a/b", "is frozen", "thaw it: echo THAWED > /sys/fs/cgroup/freezer,net_cls/a/freezer.state"}}, task.found)
}

func TestSessions(t *testing.T) {
	task := func(pid, sid int, tty uint32) *subject {
		return &subject{pid: pid, stat: procfs.Stat{PID: pid, State: 'S', Session: sid, TTYNr: tty}}
	}
	for _, c := range []struct {
		name  string
		tasks []*subject
		job   bool
		want  []string
	}{
		{"own", []*subject{task(12, 12, 0), task(13, 12, 0), task(14, 14, 0)}, false, nil},
		{"outside", []*subject{task(12, 7, 0), task(13, 7, 0)}, false, []string{"task 12: session 7: its leader, sh, is not in the tree"}},
		{"other PID namespace", []*subject{task(12, 0, 0)}, false, []string{"task 12: session 0: its leader is in another PID namespace"}},
		{"shell job", []*subject{task(12, 7, 1), task(13, 0, 1)}, true, nil},
		{"leader of a terminal", []*subject{task(12, 12, 0x8801)}, true, []string{"task 12: session 12: has a terminal and is led by this process: not served yet"}},
		{"dead leader", []*subject{task(12, 12, 0), task(13, 99, 0)}, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := recorded(t, map[string]string{"7/stat": "7 (sh) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0"})
			open := s.open
			s.open = func(pid int) (*procfs.Task, error) {
				if pid != 7 {
					return nil, unix.ENOENT
				}
				return open(pid)
			}
			s.ShellJob, s.tasks, s.byPid = c.job, c.tasks, map[int]*subject{}
			for _, t := range c.tasks {
				s.byPid[t.pid] = t
			}
			s.sessions()
			var got []string
			for _, t := range c.tasks {
				for _, o := range t.found {
					got = append(got, o.Error())
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A task that sleeps in the kernel is a warning, not an obstacle: it may stop in time.
func TestSleepInTheKernel(t *testing.T) {
	s, task := recorded(t, map[string]string{"12/cgroup": "0::/\n"})
	var log warnings
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.tasks = []*subject{task}
	task.stat.State = 'D'
	s.state(task)
	require.Empty(t, task.found)
	require.Contains(t, string(log), "may not stop in time")
	require.Contains(t, string(log), "pid=12")
}

type warnings []byte

func (w *warnings) Write(b []byte) (int, error) { *w = append(*w, b...); return len(b), nil }
