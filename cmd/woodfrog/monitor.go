package main

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// monitorSlack is by how much the naps of the Go runtime's monitor may be late, ns.
const monitorSlack = 2_000_000

// calmMonitor makes the naps of the Go runtime's monitor thread longer. It naps 20 us at a time until it has found nothing to do for a
// while (runtime.sysmon), which is half a hundred system calls and changes of context on a processor that the tasks could have, in a
// program that is over in a few milliseconds. It is the first thread that the runtime makes, and /proc lists threads in the order in which
// they were made. Where this fails, CAP_SYS_NICE being needed, the naps are as they were.
func calmMonitor() {
	fd, err := unix.Open("/proc/self/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	b := make([]byte, 512)
	n, err := unix.ReadDirent(fd, b)
	if err != nil {
		return
	}
	_, _, names := unix.ParseDirent(b[:n], -1, nil)
	if len(names) < 2 {
		return
	}
	slack, err := unix.Open("/proc/"+names[1]+"/timerslack_ns", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(slack)
	_, _ = unix.Write(slack, strconv.AppendInt(nil, monitorSlack, 10))
}
