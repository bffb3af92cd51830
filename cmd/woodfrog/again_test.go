package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOwnThreads: threads of the program that have the numbers of the image's are no obstacle.
func TestOwnThreads(t *testing.T) {
	f := newFrog(t, "threads", "40")
	self, err := os.Executable()
	require.NoError(t, err)
	again := false
	const tries = 10 // others may be given the numbers
	for n := 0; n < tries && !again; n++ {
		f.dump()
		f.Gone()
		cmd := f.command("restore", "-d", "-v4", "-o", "log")
		// its threads get the numbers that follow, which are those of the image; it has one already
		number := fmt.Sprintf(`echo $((%d - 1)) >/proc/sys/kernel/ns_last_pid; exec "$@"`, f.PID)
		cmd.Path, err = exec.LookPath("dash")
		require.NoError(t, err)
		cmd.Args = append([]string{"dash", "-c", number, "dash", self}, cmd.Args[1:]...)
		var msg bytes.Buffer
		cmd.Stderr = &msg
		require.NoError(t, cmd.Run(), &msg)
		f.Alive()
		again = bytes.Contains(f.mayRead("log"), []byte("executed again"))
	}
	require.True(t, again)
	f.Check()
}
