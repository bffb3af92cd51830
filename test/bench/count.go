package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// launcherCalls are the launcher's own: arch_prctl, clock_gettime and clone; in the child prctl and close; then wait4,
// clock_gettime, write and exit_group. The engine's execve counts as its own.
const launcherCalls = 9

// A counter counts system calls by the tracepoint that perf trace uses, raw_syscalls:sys_enter, without stopping anyone,
// which matters: an engine that traces its tasks cannot be traced together with them.
type counter struct {
	tracepoint uint64
	named      []namedCall
}

// newCounter finds the tracepoint in a tracefs that only this mount namespace sees.
func newCounter() (*counter, error) {
	const dir = "/run/tracing"
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tracing", dir, "tracefs", 0, ""); err != nil {
		return nil, fmt.Errorf("tracefs: %w", err)
	}
	id, err := tracepoint(dir, "raw_syscalls/sys_enter")
	if err != nil {
		return nil, err
	}
	c := &counter{tracepoint: id}
	for _, name := range byNames {
		if id, err := tracepoint(dir, "syscalls/sys_enter_"+name); err == nil {
			c.named = append(c.named, namedCall{name, id})
		}
	}
	// Whether it may be used shows when it is.
	if err := c.selfTest(); err != nil {
		return nil, err
	}
	return c, nil
}

func tracepoint(dir, name string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(dir, "events", name, "id"))
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("tracepoint %s: %w", name, err)
	}
	return id, nil
}

func (c *counter) selfTest() error {
	fd, err := open(c.tracepoint, 0, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func open(tracepoint uint64, tid int, bits uint64) (int, error) {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: tracepoint, Bits: bits}
	attr.Size = unix.PERF_ATTR_SIZE_VER0
	fd, err := unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("perf event for thread %d: %w", tid, err)
	}
	return fd, nil
}

// begin counts the calls of tids from now on and those of whatever the calling thread starts next, from its first execve
// and with all its descendants. The function it returns ends that and gives the sum.
func begin(tracepoint uint64, tids []int) (func() (int64, error), error) {
	var fds []int
	closeAll := func() (err error) {
		for _, fd := range fds {
			err = errors.Join(err, unix.Close(fd))
		}
		return err
	}
	// A child inherits the event switched off, and its exec switches it on; this thread's own stays off.
	fd, err := open(tracepoint, 0, unix.PerfBitInherit|unix.PerfBitDisabled|unix.PerfBitEnableOnExec)
	for {
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		fds = append(fds, fd)
		if len(tids) == 0 {
			break
		}
		fd, err = open(tracepoint, tids[0], 0)
		tids = tids[1:]
	}
	return func() (sum int64, err error) {
		for _, fd := range fds {
			var n [8]byte
			if _, err := unix.Read(fd, n[:]); err != nil {
				return 0, errors.Join(fmt.Errorf("perf event: %w", err), closeAll())
			}
			sum += int64(binary.NativeEndian.Uint64(n[:]))
		}
		return sum, closeAll()
	}, nil
}

// hold keeps the tracepoints of the named calls in use: the last event of a tracepoint that is closed waits until no processor can be in it.
func (c *counter) hold() (release func(), err error) {
	var fds []int
	release = func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}
	for _, n := range c.named {
		fd, err := open(n.tracepoint, 0, unix.PerfBitDisabled)
		if err != nil {
			release()
			return nil, err
		}
		fds = append(fds, fd)
	}
	return release, nil
}

// begin does that for all calls and, if it is asked to, for each of the named ones.
func (c *counter) begin(tids []int, names bool) (func() (calls, error), error) {
	all, err := begin(c.tracepoint, tids)
	if err != nil {
		return nil, err
	}
	var ends []func() (int64, error)
	finish := func() (got calls, err error) {
		got.all, err = all()
		for _, end := range ends {
			n, e := end()
			got.named, err = append(got.named, n), errors.Join(err, e)
		}
		return got, err
	}
	for i := 0; names && i < len(c.named); i++ {
		end, err := begin(c.named[i].tracepoint, tids)
		if err != nil {
			_, _ = finish()
			return nil, err
		}
		ends = append(ends, end)
	}
	return finish, nil
}
