package task

import (
	"fmt"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

// posixTimer is one timer of timer_create(2).
type posixTimer struct {
	procfs.Timer
	value   stub.Data // struct itimerspec
	overrun *stub.Op
}

func (t *Task) askTimers(p *stub.Program, f *leaderFacts) error {
	timers, err := t.Proc.Timers()
	if err != nil {
		return fmt.Errorf("task %d: %w", t.Pid, err)
	}
	for _, timer := range timers {
		pt := posixTimer{Timer: timer, value: p.Area.Out(32)}
		p.Call(arch.SysTimerGettime, timer.ID, pt.value)
		pt.overrun = p.Call(arch.SysTimerGetoverrun, timer.ID)
		f.timers = append(f.timers, pt)
	}
	return nil
}

// timersEntry is the image of the interval and POSIX timers.
func (f *leaderFacts) timersEntry() *image.TaskTimersEntry {
	itimer := func(which int) *image.ItimerEntry {
		word := func(i int) uint64 { return f.itimers.U64(which*4 + i) }
		return &image.ItimerEntry{Isec: word(0), Iusec: word(1), Vsec: word(2), Vusec: word(3)}
	}
	e := &image.TaskTimersEntry{Real: itimer(0), Virt: itimer(1), Prof: itimer(2)}
	for _, t := range f.timers {
		pe := &image.PosixTimerEntry{
			ItId: uint32(t.ID), ClockId: uint32(t.ClockID), SiSigno: uint32(t.Signal), ItSigevNotify: notify(t.Timer), SivalPtr: t.Value,
			Overrun: uint32(t.overrun.Result()), Isec: t.value.U64(0), Insec: t.value.U64(1), Vsec: t.value.U64(2), Vnsec: t.value.U64(3),
		}
		if t.Thread {
			tid := int32(t.PID)
			pe.NotifyThreadId = &tid
		}
		e.Posix = append(e.Posix, pe)
	}
	return e
}

const sigevThreadID = 4 // SIGEV_THREAD_ID

// notify is sigev_notify as timer_create takes it.
func notify(t procfs.Timer) uint32 {
	if t.Thread {
		return uint32(t.Notify) | sigevThreadID
	}
	return uint32(t.Notify)
}
