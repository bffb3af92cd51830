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

// monitor is the first thread that the runtime has made: its TID comes next after the PID where nobody else has begun anything since, and the kernel
// lists threads in the order in which they began; 0 if it cannot be told.
func monitor() int {
	pid := linux.Pid()
	if unix.Tgkill(pid, pid+1, 0) == nil {
		return pid + 1
	}
	fd, err := unix.Open("/proc/self/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	var buf [1 << 10]byte
	n, err := unix.Getdents(fd, buf[:]) // and it is closed when the program ends
	if err != nil {
		return 0
	}
	_, _, names := unix.ParseDirent(buf[:n], -1, nil)
	if len(names) < 2 {
		return 0
	}
	tid, err := strconv.Atoi(names[1])
	if err != nil {
		return 0
	}
	return tid
}
