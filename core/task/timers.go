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

// reviveTimers appends the setting of interval timers and the making of POSIX timers with their ids, which the kernel gives
// out in order, from 0 in a fresh process: unused ones in between are made and deleted.
func reviveTimers(p *stub.Program, t *image.TaskTimersEntry) {
	if t == nil {
		return
	}
	for which, e := range []*image.ItimerEntry{t.Real, t.Virt, t.Prof} {
		if e != nil && (e.Vsec != 0 || e.Vusec != 0) {
			p.Call(arch.SysSetitimer, which, p.Area.Bytes(le(nil, e.Isec, e.Iusec, e.Vsec, e.Vusec)), 0)
		}
	}
	byID := map[uint32]*image.PosixTimerEntry{}
	var last uint32
	for _, e := range t.Posix {
		byID[e.ItId] = e
		last = max(last, e.ItId)
	}
	for id := uint32(0); len(t.Posix) > 0 && id <= last; id++ {
		got := p.Area.Out(4)
		e := byID[id]
		if e == nil {
			p.Call(arch.SysTimerCreate, 0, p.Area.Bytes(sigevent(&image.PosixTimerEntry{ItSigevNotify: sigevNone})), got)
			p.Call(arch.SysTimerDelete, id)
			continue
		}
		p.Call(arch.SysTimerCreate, int(int32(e.ClockId)), p.Area.Bytes(sigevent(e)), got)
		if e.Vsec != 0 || e.Vnsec != 0 {
			p.Call(arch.SysTimerSettime, id, 0, p.Area.Bytes(le(nil, e.Isec, e.Insec, e.Vsec, e.Vnsec)), 0)
		}
	}
}

const sigevNone = 1 // SIGEV_NONE

// sigevent is struct sigevent, 64 bytes.
func sigevent(e *image.PosixTimerEntry) []byte {
	b := le(nil, e.SivalPtr, uint64(e.SiSigno)|uint64(e.ItSigevNotify)<<32)
	if e.NotifyThreadId != nil {
		b = le(b, uint64(uint32(*e.NotifyThreadId)))
	}
	return append(b, make([]byte, 64-len(b))...)
}
