package file

import (
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
)

// What a preflight refuses is refused when it came about later, too: a file of /proc/PID that is the tree's own, and that two tasks have in
// common, or that is where a task is.
func TestCheckLater(t *testing.T) {
	for _, c := range []struct{ link, cwd, root, refused string }{
		{"/proc/7/status", "/", "/", "task 8: fd 3: /proc/7/status: shared with task 7: not served yet"},
		{"/proc/9/status", "/", "/", ""},
		{"/proc/version", "/proc", "/", ""},
		{"/etc/passwd", "/proc/8/task", "/", "task 7: its working directory or root, /proc/8/task, is of a task of the tree: not served yet"},
		{"/etc/passwd", "/", "/proc/7/root", "task 7: its working directory or root, /proc/7/root, is of a task of the tree: not served yet"},
		{"/etc/passwd", "/proc/9", "/", ""},
	} {
		tb := NewTable(Options{})
		var tasks []*task.Task
		for _, pid := range []int{7, 8} {
			x := &task.Task{Pid: pid}
			x.Stat = procfs.Stat{State: 't'}
			tasks = append(tasks, x)
			table := &fdTable{task: x, fds: []*image.FdinfoEntry{{Fd: 3, Id: 1}}}
			tb.of[x], tb.at[x] = table, &place{key: placeKey{cwd: c.cwd, root: c.root}}
			if tb.descriptionOf[1] == nil {
				d := &Descriptor{Task: x, Fd: 3, Link: c.link}
				tb.descriptionOf[1] = &description{Descriptor: d, first: d, firstTable: table}
			}
		}
		err := tb.checkLater(tasks, func(tid int) bool { return tid == 7 || tid == 8 })
		if c.refused == "" {
			require.NoError(t, err, c)
		} else {
			require.EqualError(t, err, c.refused)
		}
	}
}
