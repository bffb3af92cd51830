package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/internal/testenv"
)

const nobody = 65534

// becomesNobody gives up root and executes a program: that of a process whose user changes is not its user's to look at.
const becomesNobody = `$) = "65534 65534"; $( = 65534; $< = $> = 65534; exec @ARGV or die $!`

// What check and the hints name is enough for processes of one's own, whether the capabilities are ambient or come with the file.
func TestWithoutRoot(t *testing.T) {
	const caps = 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_CHECKPOINT_RESTORE
	for name, ofFile := range map[string]uint64{"ambient": 0, "file": caps} {
		t.Run(name, func(t *testing.T) {
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
			engine := engineForAll(t, ofFile)
			woodfrog := func(args ...string) {
				cmd := f.command(args...)
				cmd.Path = engine
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{nobody}}}
				if ofFile == 0 {
					cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_PTRACE, unix.CAP_CHECKPOINT_RESTORE}
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

// engineForAll is this binary where every user may execute it, with capabilities of the file.
func engineForAll(t *testing.T, caps uint64) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, unix.Mount("engine", dir, "tmpfs", 0, "mode=755")) // where files may have capabilities
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	b, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	path := filepath.Join(dir, "woodfrog")
	require.NoError(t, os.WriteFile(path, b, 0o755))
	if caps != 0 {
		const revision2, effective = 0x02000000, 1 // struct vfs_cap_data (include/uapi/linux/capability.h)
		var data []byte
		for _, word := range []uint32{revision2 | effective, uint32(caps), 0, uint32(caps >> 32), 0} {
			data = binary.LittleEndian.AppendUint32(data, word)
		}
		require.NoError(t, unix.Setxattr(path, "security.capability", data, 0))
	}
	return path
}

// Inheritable capabilities that are not in the bounding set any more, and ambient ones, come back; what takes more than the engine has is named.
func TestInheritableCapabilities(t *testing.T) {
	setpriv := func(args ...string) *frog {
		testenv.Root(t)
		testenv.NoLeaks(t)
		testenv.Subreaper(t)
		bare, _ := testenv.BarePath(t)
		return &frog{testenv.Program(t, "setpriv", append(args, bare, "sleep")...), t, t.TempDir()}
	}
	f := setpriv("--inh-caps=+net_raw", "setpriv", "--bounding-set=-net_raw")
	before := credentials(t, f.PID)
	f.dump()
	f.Gone()
	status, _, msg := f.woodfrog("restore", "-d")
	require.Zero(t, status, msg)
	require.Equal(t, before, credentials(t, f.PID))
	f.Check()

	f = setpriv("--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw")
	before = credentials(t, f.PID)
	f.dump()
	f.Gone()
	cmd := f.command("restore", "-d")
	cmd.Path = engineForAll(t, 1<<unix.CAP_SYS_PTRACE|1<<unix.CAP_CHECKPOINT_RESTORE|1<<unix.CAP_NET_RAW)
	require.NoError(t, os.Chmod(filepath.Dir(f.dir), 0o755))
	images, err := filepath.Glob(filepath.Join(f.dir, "*"))
	require.NoError(t, err)
	for _, name := range append(images, f.dir) {
		require.NoError(t, os.Chown(name, nobody, nobody))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{nobody}}}
	text, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), "credentials: differ from those of woodfrog, which lacks CAP_SETGID to change them")
	status, _, msg = f.woodfrog("restore", "-d")
	require.Zero(t, status, msg)
	require.Equal(t, before, credentials(t, f.PID))
	f.Check()
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
