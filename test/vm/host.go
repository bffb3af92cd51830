package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The host is a machine, too, of the architecture that this program was built for: its own kernel and processor. The guest is the first process
// of namespaces there. It takes travellers in, but makes no checks: those are the host's own tests.
const hostSeries = "host"

func host() (m machine, ok bool) {
	for arch, goarch := range goarchs {
		if _, alone := platforms[arch]; alone && goarch == runtime.GOARCH {
			return machine{arch: arch, series: hostSeries}, os.Geteuid() == 0
		}
	}
	return machine{}, false
}

func (m machine) isHost() bool { return m.series == hostSeries }

// within lets the guest do a task in a file system below root.
func (m machine) within(ctx context.Context, r *result, root, dir string, t *task) error {
	files, err := t.files(dir)
	if err != nil {
		return err
	}
	for _, d := range directories {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	for name, data := range files {
		path := filepath.Join(root, name)
		if err := os.WriteFile(path, data, 0o755); err != nil {
			return err
		}
		// as in an initramfs
		if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "init"), "within", root)
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL, Setsid: true,
	}
	return m.listen(ctx, r, cmd)
}

// commonCaps are the capabilities that a traveller may have wherever it comes to: root of the host may lack some.
func commonCaps(all []machine) string {
	if !slices.ContainsFunc(all, machine.isHost) {
		return ""
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "CapBnd:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
