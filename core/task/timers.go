package task

import (
	"cmp"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

// posixTimer is one timer of timer_create(2).
type posixTimer struct {
	procfs.Timer
	value   stub.Data // struct __kernel_itimerspec, the same on all ABIs
	overrun *stub.Op
}

// timersSize is the room that the questions about the timers take, bytes.
func (t *Task) timersSize() int { return 1<<10 + len(t.Timers)*512 }

// askTimers appends what the leader tells of all timers, and which signals are pending then.
func (t *Task) askTimers(p *stub.Program) {
	f := t.Leader().Facts.leader
	f.itimers, f.pending = p.Area.Out(3*itimerSize), p.Area.Out(8)
	for which := range 3 {
		p.Call(arch.SysGetitimer, which, f.itimers.Addr()+uint64(which*itimerSize))
	}
	f.timers = f.timers[:0]
	for _, timer := range t.Timers {
		pt := posixTimer{Timer: timer, value: p.Area.Out(32)}
		p.Call(arch.SysTimerGettime, timer.ID, pt.value)
		pt.overrun = p.Call(arch.SysTimerGetoverrun, timer.ID)
		f.timers = append(f.timers, pt)
	}
	p.Call(arch.SysRtSigpending, f.pending, 8)
}

// timersEntry is the image of the interval and POSIX timers.
func (t *Task) timersEntry() *image.TaskTimersEntry {
	f := t.Leader().Facts.leader
	itimer := func(which int) *image.ItimerEntry {
		v := t.ABI.Fields(f.itimers.Part(which*itimerSize, itimerSize).Mem())
		return &image.ItimerEntry{Isec: v.Word(), Iusec: v.Word(), Vsec: v.Word(), Vusec: v.Word()}
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

// timers appends the setting of interval timers and the making of POSIX timers with their ids. Where the kernel does not let one choose,
// it gives them out in order, from 0 in a fresh process: unused ones in between are made and deleted.
func (v *Revival) timers(p *stub.Program, tc *image.TaskCoreEntry) {
	t := tc.Timers
	if t == nil {
		return
	}
	for which, e := range []*image.ItimerEntry{t.Real, t.Virt, t.Prof} {
		if e == nil {
			continue
		}
		left := e.Vusec
		if which == unix.ITIMER_REAL && rests(e, tc) {
			left = 1
		}
		if e.Vsec != 0 || left != 0 {
			p.Call(arch.SysSetitimer, which, p.Area.Bytes(p.ABI().Struct().Word(e.Isec, e.Iusec, e.Vsec, left).Bytes()), 0)
		}
	}
	if len(t.Posix) == 0 {
		return
	}
	list := slices.Clone(t.Posix)
	slices.SortFunc(list, func(a, b *image.PosixTimerEntry) int { return cmp.Compare(a.ItId, b.ItId) })
	if v.TimerIDs {
		p.Call(arch.SysPrctl, unix.PR_TIMER_CREATE_RESTORE_IDS, 1, 0, 0, 0)
	}
	next := uint32(0)
	for _, e := range list {
		for ; !v.TimerIDs && next < e.ItId; next++ {
			p.Call(arch.SysTimerCreate, 0, p.Area.Bytes(sigevent(p.ABI(), &image.PosixTimerEntry{ItSigevNotify: sigevNone})), p.Area.Out(4))
			p.Call(arch.SysTimerDelete, next)
		}
		next++
		id := p.Area.Bytes(binary.LittleEndian.AppendUint32(nil, e.ItId))
		p.Call(arch.SysTimerCreate, int(int32(e.ClockId)), p.Area.Bytes(sigevent(p.ABI(), e)), id)
		if e.Vsec != 0 || e.Vnsec != 0 {
			p.Call(arch.SysTimerSettime, e.ItId, 0, p.Area.Bytes(le(nil, e.Isec, e.Insec, e.Vsec, e.Vnsec)), 0)
		}
	}
	if v.TimerIDs {
		p.Call(arch.SysPrctl, unix.PR_TIMER_CREATE_RESTORE_IDS, 0, 0, 0, 0)
	}
}

// rests says whether a periodic timer of real time has expired and waits until its signal is taken, which starts it again
// (kernel/signal.c, dequeue_signal). No value sets that: the timer has to expire, into the signal that is pending already.
func rests(e *image.ItimerEntry, tc *image.TaskCoreEntry) bool {
	if tc.SignalsS == nil || e.Vsec != 0 || e.Vusec != 0 || e.Isec == 0 && e.Iusec == 0 {
		return false
	}
	return slices.ContainsFunc(tc.SignalsS.Signals, func(s *image.SiginfoEntry) bool {
		sig, ok := queued(s)
		return ok && sig == int(unix.SIGALRM)
	})
}

// MaxTimerID is the largest id of a POSIX timer that is made on kernels that do not let one choose.
const MaxTimerID = 1 << 14

const sigevNone = 1 // SIGEV_NONE

// sigevent is struct sigevent, 64 bytes.
func sigevent(abi *arch.ABI, e *image.PosixTimerEntry) []byte {
	s := abi.Struct().Word(e.SivalPtr).U32(e.SiSigno, e.ItSigevNotify)
	if e.NotifyThreadId != nil {
		s.U32(uint32(*e.NotifyThreadId))
	}
	return s.Pad(64).Bytes()
}
