package main

import (
	"strconv"

	"golang.org/x/sys/unix"

	"woodfrog/internal/linux"
)

// monitorSlack is by how much the naps of the Go runtime's monitor may be late, ns.
const monitorSlack = 2_000_000

// calmMonitor makes the naps of the Go runtime's monitor thread longer. It naps 20 us at a time until it has found nothing to do for a
// while (runtime.sysmon), which is half a hundred system calls and changes of context on a processor that the tasks could have, in a
// program that is over in a few milliseconds. It is the first thread that the runtime makes, and so the next PID is its, or some other
// process's. Where this fails, CAP_SYS_NICE being needed, the naps are as they were.
func calmMonitor() {
	pid := linux.Pid()
	if unix.Tgkill(pid, pid+1, 0) != nil {
		return
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid+1)+"/timerslack_ns", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_, _ = unix.Write(fd, strconv.AppendInt(nil, monitorSlack, 10))
	_ = unix.Close(fd)
}
