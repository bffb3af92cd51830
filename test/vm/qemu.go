package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A result is what one machine said.
type result struct {
	machine machine
	release string // of its kernel
	checks  []outcome
	cargo   map[string][]byte // what travellers have with them
	took    time.Duration
	said    []string // what else it wrote
	err     error    // of the machine itself
}

type outcome struct{ name, failure, skipped string }

// boot has qemu run the machine until its guest says END. Without hardware acceleration: it works for every architecture and inside
// other virtual machines, too.
func (m machine) boot(ctx context.Context, r *result, kernel, initramfs string) error {
	p := platforms[m.arch]
	cpu := p.cpu
	if m.cpu != "" {
		cpu = m.cpu
	}
	cmd := exec.CommandContext(ctx, p.qemu, "-M", p.machine+m.option, "-cpu", cpu, "-m", p.memory, "-smp", "1", "-accel", "tcg,thread=multi",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio",
		"-kernel", kernel, "-initrd", initramfs, "-append", "console="+p.console+" panic=-1 quiet "+p.cmdline)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return m.listen(ctx, r, cmd)
}

// listen runs a machine and notes what its guest says.
func (m machine) listen(ctx context.Context, r *result, cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := false
	for sc := bufio.NewScanner(out); !ended && sc.Scan(); {
		line := strings.TrimRight(sc.Text(), "\r")
		noted := r.note(line)
		if *verbose && !strings.HasPrefix(line, "CARGO ") {
			fmt.Println(line)
		}
		if !noted {
			r.said = append(r.said, line)
		}
		ended = line == "END"
	}
	r.took = time.Since(start)
	_ = cmd.Process.Kill() // it has said all that it had to
	_ = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !ended:
		return errors.New("the machine ended without a result")
	}
	return nil
}

func (r *result) note(line string) bool {
	if release, ok := strings.CutPrefix(line, "KERNEL "); ok {
		r.release = release
		return true
	}
	f := strings.SplitN(line, " ", 4)
	if f[0] == "CARGO" && len(f) == 3 {
		return r.load(f[1], f[2])
	}
	if f[0] != "RESULT" || len(f) < 3 {
		return false
	}
	o := outcome{name: f[1]}
	switch f[2] {
	case "ok":
	case "skip":
		o.skipped = strings.Join(f[3:], " ")
	default:
		o.failure = strings.Join(f[3:], " ")
	}
	r.checks = append(r.checks, o)
	return true
}

// load appends a line to what is sent under a name; the last one is a dot.
func (r *result) load(name, line string) bool {
	if line == "." {
		return true
	}
	b, err := base64.StdEncoding.DecodeString(line)
	r.cargo[name] = append(r.cargo[name], b...)
	return err == nil
}

func (r *result) failed() bool {
	for _, o := range r.checks {
		if o.failure != "" {
			return true
		}
	}
	return r.err != nil || len(r.checks) == 0
}
