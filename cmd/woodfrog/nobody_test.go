package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

const nobody = 65534

// dropsAmbient has this binary, as woodfrog, begin as one that has its capabilities by its file: they are not ambient.
const dropsAmbient = "WOODFROG_TEST_DROP_AMBIENT"

func init() {
	if os.Getenv(dropsAmbient) == "" {
		return
	}
	runtime.LockOSThread() // in an init function: main has this thread, then
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		panic(err)
	}
}

// becomesNobody gives up root and executes a program: that of a process whose user changes is not its user's to look at.
const becomesNobody = `$) = "65534 65534"; $( = 65534; $< = $> = 65534; exec @ARGV or die $!`

// What check and the hints name is enough for processes of one's own, whether the capabilities are ambient or come with the file.
func TestWithoutRoot(t *testing.T) {
	for _, c := range []struct{ name, drop string }{{"ambient", ""}, {"file", "1"}} {
		t.Run(c.name, func(t *testing.T) {
			testenv.Root(t)
			testenv.NoLeaks(t)
			testenv.Subreaper(t)
			bare, _ := testenv.BarePath(t)
			f := &frog{testenv.Program(t, "perl", "-e", becomesNobody, bare, "sleep"), t, t.TempDir()}
			for _, dir := range []string{f.Dir, f.dir} {
				require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
				require.NoError(t, os.Chown(dir, nobody, nobody))
			}
			require.NoError(t, os.Chmod(f.Out, 0o666))
			woodfrog := func(args ...string) {
				cmd := f.command(args...)
				cmd.Path = engineForAll(t)
				cmd.Env = append(cmd.Env, dropsAmbient+"="+c.drop)
				cmd.SysProcAttr = &syscall.SysProcAttr{
					Credential:  &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{nobody}},
					AmbientCaps: []uintptr{unix.CAP_SYS_PTRACE, unix.CAP_CHECKPOINT_RESTORE},
				}
				var msg bytes.Buffer
				cmd.Stderr = &msg
				require.NoError(t, cmd.Run(), msg.String())
			}
			before := credentials(t, f.PID)
			woodfrog("dump", "-t", strconv.Itoa(f.PID))
			f.Gone()
			woodfrog("restore", "-d")
			require.Equal(t, before, credentials(t, f.PID))
			f.Check()
		})
	}
}

// engineForAll is this binary where every user may execute it.
func engineForAll(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	b, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	path := filepath.Join(dir, "woodfrog")
	require.NoError(t, os.WriteFile(path, b, 0o755))
	return path
}

// credentials are the lines of /proc/PID/status about them.
func credentials(t *testing.T, pid int) (lines []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	require.NoError(t, err)
	for line := range bytes.Lines(b) {
		for _, key := range []string{"Uid", "Gid", "Groups", "Cap"} {
			if bytes.HasPrefix(line, []byte(key)) {
				lines = append(lines, string(line))
			}
		}
	}
	return lines
}
