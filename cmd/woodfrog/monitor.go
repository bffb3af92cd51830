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
// program that is over in a few milliseconds. Where this fails, CAP_SYS_NICE being needed, the naps are as they were.
func calmMonitor() {
	tid := monitor()
	if tid == 0 {
		return
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/timerslack_ns", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_, _ = unix.Write(fd, strconv.AppendInt(nil, monitorSlack, 10)) // and it is closed when the program ends
}

// monitor is the first thread that the runtime has made, so the one whose TID comes next after the PID, other processes' left out; 0 if
// it is not near.
func monitor() int {
	const near = 8
	pid := linux.Pid()
	for tid := pid + 1; tid <= pid+near; tid++ {
		if unix.Tgkill(pid, tid, 0) == nil {
			return tid
		}
	}
	return 0
}
