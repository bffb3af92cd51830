package file

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/internal/linux"
)

var timerfdKind = kind{typ: image.FdTypes_TIMERFD, dump: (*Table).timerfd}

func (tb *Table) timerfd(d *description) (*image.FileEntry, error) {
	t := d.Info.Timerfd
	if t == nil {
		return nil, errors.New("fdinfo: clockid: missing")
	}
	return &image.FileEntry{Type: image.FdTypes_TIMERFD, Id: d.id, Tfd: &image.TimerfdEntry{
		Id: d.id, Flags: d.flags(), Fown: d.fown, Clockid: uint32(t.ClockID), Ticks: t.Ticks, SettimeFlags: t.SettimeFlags,
		Vsec: t.Value.Sec, Vnsec: t.Value.Nsec, Isec: t.Interval.Sec, Insec: t.Interval.Nsec,
	}}, nil
}

func (o *Opener) timerfd(f *image.FileEntry) (int, error) {
	e := f.Tfd
	fd, err := unix.TimerfdCreate(int(e.Clockid), int(e.Flags&unix.O_NONBLOCK))
	if err != nil {
		return -1, fmt.Errorf("timerfd: clock %d: %w", e.Clockid, err)
	}
	return orClose(fd, o.setAsync(fd, e.Flags, e.Fown))
}

// Arm starts the timers, once the tasks are ready to go on. fd is the engine's descriptor of a file.
func (o *Opener) Arm(fd func(id uint32) (int, error)) error {
	for _, f := range o.inOrder() {
		if f.Type != image.FdTypes_TIMERFD {
			continue
		}
		n, err := fd(f.Id)
		if err != nil {
			return err
		}
		if err := arm(n, f.Tfd); err != nil {
			return fmt.Errorf("files.img: id %d: timerfd: %w", f.Id, err)
		}
	}
	return nil
}

const nsPerSec = 1_000_000_000

func arm(fd int, e *image.TimerfdEntry) error {
	for field, v := range map[string]uint64{"vnsec": e.Vnsec, "insec": e.Insec} {
		if v >= nsPerSec {
			return fmt.Errorf("tfd.%s: %d: out of range", field, v)
		}
	}
	left := unix.Timespec{}
	left.Sec, left.Nsec = sec(left.Sec, e.Vsec), sec(left.Nsec, e.Vnsec)
	its := unix.ItimerSpec{Value: left}
	its.Interval.Sec, its.Interval.Nsec = sec(left.Sec, e.Isec), sec(left.Nsec, e.Insec)
	armed := e.Vsec != 0 || e.Vnsec != 0
	if !armed && e.Ticks != 0 && (e.Isec != 0 || e.Insec != 0) {
		// it has expired; the kernel starts it again when the task reads it
		its.Value.Nsec, armed = 1, true
	}
	if armed && e.SettimeFlags&unix.TFD_TIMER_ABSTIME != 0 {
		var now unix.Timespec
		if err := unix.ClockGettime(clockOf(e.Clockid), &now); err != nil {
			return fmt.Errorf("clock %d: %w", e.Clockid, err)
		}
		its.Value.Sec += now.Sec
		its.Value.Nsec += now.Nsec
		if its.Value.Nsec >= nsPerSec {
			its.Value.Sec++
			its.Value.Nsec -= nsPerSec
		}
	}
	if armed {
		if err := unix.TimerfdSettime(fd, int(e.SettimeFlags), &its, nil); err != nil {
			return fmt.Errorf("settime: %w", err)
		}
	}
	if e.Ticks == 0 {
		return nil
	}
	if err := linux.SetTimerfdTicks(fd, e.Ticks); err != nil {
		return fmt.Errorf("ticks %d: %w", e.Ticks, err)
	}
	return nil
}

// sec converts v to the type of a field of Timespec, which differs between processors.
func sec[T int32 | int64](_ T, v uint64) T { return T(v) }

// clockOf is the clock to read the time from: those that wake a sleeping machine go like those that do not.
func clockOf(id uint32) int32 {
	switch id {
	case unix.CLOCK_REALTIME_ALARM:
		return unix.CLOCK_REALTIME
	case unix.CLOCK_BOOTTIME_ALARM:
		return unix.CLOCK_BOOTTIME
	}
	return int32(id)
}
