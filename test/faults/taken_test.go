package faults

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core"
)

// TestPidTakenMeanwhile: a PID that somebody takes between preflight and its use, and gives back, is no reason to fail.
func TestPidTakenMeanwhile(t *testing.T) {
	v := start(t, "tree 2 1")
	child := v.Tasks()[1]
	v.freeze()
	h := &thief{Handler: slog.DiscardHandler, t: t, pid: child}
	_, err := core.Restore(t.Context(), host.Backend(), core.Options{ImagesDir: v.images, RestoreDetached: true, Log: slog.New(h)})
	require.NoError(t, err)
	require.Equal(t, 2, h.loads)
	v.goesOn()
	v.Check()
}

// thief has a process of a PID from the end of the first plan until the next restore begins.
type thief struct {
	slog.Handler
	t      *testing.T
	pid    int
	loads  int
	stolen *exec.Cmd
}

func (h *thief) Enabled(context.Context, slog.Level) bool { return true }

func (h *thief) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case r.Message != "stage done" || a.Key != "stage":
		case a.Value.String() == "load":
			if h.loads++; h.stolen != nil {
				end(h.stolen)
			}
		case a.Value.String() == "plan" && h.stolen == nil:
			h.steal()
		}
		return true
	})
	return nil
}

func (h *thief) steal() {
	for range 1000 {
		require.NoError(h.t, os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(h.pid-1)), 0))
		cmd := exec.Command("sleep", "1000")
		require.NoError(h.t, cmd.Start())
		if cmd.Process.Pid == h.pid {
			h.stolen = cmd
			return
		}
		end(cmd)
	}
	require.Fail(h.t, "the PID cannot be had")
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
