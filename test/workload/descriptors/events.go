package main

import (
	"encoding/binary"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// events come from counters, timers and pipes, by way of epoll.
func events() func() {
	count := value(unix.Eventfd(7, unix.EFD_NONBLOCK))
	turns := value(unix.Eventfd(3, unix.EFD_SEMAPHORE))
	zero := value(unix.Eventfd(0, unix.EFD_NONBLOCK))

	ticks := value(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK))
	every := unix.ItimerSpec{Interval: unix.Timespec{Nsec: 2e6}, Value: unix.Timespec{Nsec: 2e6}}
	must(unix.TimerfdSettime(ticks, 0, &every, nil), "timerfd")
	late := value(unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK))
	var now unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_BOOTTIME, &now), "clock")
	hour := unix.ItimerSpec{Value: unix.Timespec{Sec: now.Sec + 3600}}
	must(unix.TimerfdSettime(late, unix.TFD_TIMER_ABSTIME, &hour, nil), "timerfd")
	once := value(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK))
	soon := unix.ItimerSpec{Value: unix.Timespec{Nsec: 1}}
	must(unix.TimerfdSettime(once, 0, &soon, nil), "timerfd")
	time.Sleep(time.Millisecond)

	r, w := pipe(unix.O_NONBLOCK)
	set := value(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	add := func(fd int, events uint32, data int32) {
		must(unix.EpollCtl(set, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: data, Pad: -data}), "epoll_ctl")
	}
	add(r, unix.EPOLLIN, 1000)
	add(zero, unix.EPOLLIN|unix.EPOLLET, 1001)
	// a descriptor that is closed by now, of a file that is not
	r2 := value(unix.Dup(r))
	add(r2, unix.EPOLLIN, 1002)
	must(unix.Close(r2), "close")
	outer := value(unix.EpollCreate1(0))
	must(unix.EpollCtl(outer, unix.EPOLL_CTL_ADD, set, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: 7}), "epoll_ctl")

	mask := &unix.Sigset_t{}
	mask.Val[0] = 1 << (unix.SIGUSR2 - 1)
	signals := value(unix.Signalfd(-1, mask, unix.SFD_NONBLOCK))

	return func() {
		same(number(count), 7, "counter")
		_, err := unix.Read(count, make([]byte, 8))
		same(err, error(unix.EAGAIN), "counter that was read")
		same(number(turns), 1, "semaphore")
		same(lines(turns, "eventfd-count"), "eventfd-count:                2", "semaphore that was read")

		if number(ticks) < 1 {
			fail("the timer stands still")
		}
		time.Sleep(20 * time.Millisecond)
		if n := number(ticks); n < 5 || n > 500 {
			fail("the timer ticked %d times in 20 ms", n)
		}
		same(number(once), 1, "expirations of the timer that expired before")
		var left unix.ItimerSpec
		must(unix.TimerfdGettime(late, &left), "timerfd")
		if left.Value.Sec < 3500 || left.Value.Sec > 3600 {
			fail("the timer of an hour has %d s left", left.Value.Sec)
		}
		same(lines(late, "settime flags"), "settime flags: 01", "timer of an hour")

		got := make([]unix.EpollEvent, 8)
		same(value(unix.EpollWait(set, got, 0)), 0, "events before any")
		write(w, "x")
		must(binary.Write(os.NewFile(uintptr(value(unix.Dup(zero))), "zero"), binary.NativeEndian, uint64(1)), "write")
		same(value(unix.EpollWait(outer, got, 0)), 1, "events of the outer set")
		same(got[0].Fd, 7, "data of the outer set")
		seen := map[int32]bool{}
		for _, e := range got[:value(unix.EpollWait(set, got, 0))] {
			same(e.Events, unix.EPOLLIN, "events")
			same(e.Pad, -e.Fd, "data")
			seen[e.Fd] = true
		}
		same(seen[1000] && seen[1001] && seen[1002] && len(seen) == 3, true, "events of all files of the set")
		same(value(unix.EpollWait(set, got, 0)), 2, "events while the edge is past")

		runtime.LockOSThread()
		must(unix.PthreadSigmask(unix.SIG_BLOCK, mask, nil), "sigmask")
		must(unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGUSR2), "tgkill")
		b := make([]byte, 128)
		same(value(unix.Read(signals, b)), len(b), "signalfd")
		same(binary.NativeEndian.Uint32(b), uint32(unix.SIGUSR2), "signal")
	}
}

// number reads the count of an eventfd or timerfd.
func number(fd int) uint64 {
	b := make([]byte, 8)
	same(value(unix.Read(fd, b)), 8, "count")
	return binary.NativeEndian.Uint64(b)
}
