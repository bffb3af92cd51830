package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch/host"
	"woodfrog/core"
	"woodfrog/internal/testenv"
)

// TestPidTakenMeanwhile: a PID that somebody takes between preflight and its use, and gives back, is no reason to fail.
func TestPidTakenMeanwhile(t *testing.T) {
	var taken *core.TakenError // where a thread of this process was faster than the thief
	for err := error(taken); errors.As(err, &taken); {
		v := start(t, "tree 2 1")
		h := newThief(t, v.Tasks()[1])
		v.freeze()
		if _, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: v.images, RestoreDetached: true, Log: slog.New(h)}); err == nil {
			require.Equal(t, 2, h.loads)
			v.goesOn()
			v.Check()
		} else if !errors.As(err, &taken) {
			require.NoError(t, err)
		}
	}
}

// lingering leaves a process behind, in a group of its own, that has nothing but the session's number in common with it.
const lingering = `
import os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
if os.fork() == 0:
    if os.fork() == 0:
        os.setpgid(0, 0)
        time.sleep(60)
    os._exit(0)
os.wait()
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
print("PASS", flush=True)
`

// TestPidLingers: a number that is taken though nobody is seen to have it will be free soon.
func TestPidLingers(t *testing.T) {
	testenv.Root(t)
	testenv.NoLeaks(t)
	testenv.Subreaper(t)
	w, images := testenv.Program(t, "python3", "-c", lingering), t.TempDir()
	left := slices.DeleteFunc(w.Tasks(), func(pid int) bool { return pid == w.PID })
	require.Len(t, left, 1)
	_, err := core.Dump(t.Context(), host.Backend(), w.PID, core.Options{ImagesDir: images})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return unix.Kill(w.PID, 0) == unix.ESRCH }, 30*time.Second, time.Millisecond)
	time.AfterFunc(100*time.Millisecond, func() { _ = unix.Kill(left[0], unix.SIGKILL) })
	_, err = core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: images, RestoreDetached: true})
	require.NoError(t, err)
	w.Check()
}

// thief has a process of a PID from the end of the first plan until the next restore begins. It is a process by itself: a restore lets no
// other goroutine start any.
type thief struct {
	slog.Handler
	loads   int
	has     bool
	orders  io.Writer
	answers *bufio.Scanner
}

// The kernel gives out the PID that follows the last one, unless somebody else was faster. What was the last one is put back at once: PIDs that
// follow this one may be those of tasks that other tests are about to restore.
const stealing = `read order
while :; do
	read last </proc/sys/kernel/ns_last_pid
	echo $((%[1]d - 1)) >/proc/sys/kernel/ns_last_pid
	sleep 60 &
	echo $last >/proc/sys/kernel/ns_last_pid
	[ $! = %[1]d ] && break
	kill $!
	wait $!
done
echo taken
read order
kill $!
wait $!
echo free`

func newThief(t *testing.T, pid int) *thief {
	cmd := exec.Command("dash", "-c", fmt.Sprintf(stealing, pid))
	orders, err := cmd.StdinPipe()
	require.NoError(t, err)
	answers, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = orders.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &thief{Handler: slog.DiscardHandler, orders: orders, answers: bufio.NewScanner(answers)}
}

func (h *thief) Enabled(context.Context, slog.Level) bool { return true }

func (h *thief) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case r.Message != "stage done" || a.Key != "stage":
		case a.Value.String() == "load":
			if h.loads++; h.has {
				h.order()
			}
		case a.Value.String() == "plan" && !h.has:
			h.order()
			h.has = true
		}
		return true
	})
	return nil
}

// order has it take the PID, or give it back.
func (h *thief) order() {
	_, _ = io.WriteString(h.orders, "\n")
	h.answers.Scan()
}
