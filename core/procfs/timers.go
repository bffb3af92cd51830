package procfs

import (
	"bytes"
	"fmt"
	"math"
)

// Notify is sigev_notify without SIGEV_THREAD_ID (include/uapi/asm-generic/siginfo.h).
type Notify uint8

// The ways that a timer tells of its expiry.
const (
	NotifySignal Notify = 0 // SIGEV_SIGNAL
	NotifyNone   Notify = 1 // SIGEV_NONE
	NotifyThread Notify = 2 // SIGEV_THREAD
)

var notifyNames = []string{"signal", "none", "thread"}

// A Timer is a POSIX timer in /proc/PID/timers (fs/proc/base.c, show_timer; with CONFIG_CHECKPOINT_RESTORE).
type Timer struct {
	ID      int
	Signal  int
	Value   uint64 // sigev_value
	Notify  Notify
	Thread  bool // SIGEV_THREAD_ID: PID is a thread
	PID     int
	ClockID int // negative for a CPU-time clock of a task
}

// ParseTimers parses /proc/PID/timers. A timer begins with its ID line; lines of other keys are skipped.
func ParseTimers(b []byte) ([]Timer, error) {
	var timers []Timer
	var line []byte
	var seen int // lines of the last timer: ID, signal, notify, ClockID
	complete := func(n int) error {
		if len(timers) > 0 && seen != 4 {
			return lineError(n, fmt.Errorf("timer %d is not complete", timers[len(timers)-1].ID))
		}
		return nil
	}
	n := 1
	for ; len(b) > 0; n++ {
		line, b = cutLine(b)
		key, value, ok := cutKey(line)
		if !ok {
			return nil, lineError(n, fmt.Errorf("no key in %q", clip(line)))
		}
		f := fields{rest: value}
		if string(key) == "ID" {
			if err := complete(n); err != nil {
				return nil, err
			}
			timers, seen = append(timers, Timer{ID: f.sdec32()}), 1
		} else if len(timers) == 0 {
			return nil, lineError(n, fmt.Errorf("%q before the first ID", clip(key)))
		} else if timers[len(timers)-1].parseLine(string(key), &f) {
			seen++
		}
		if f.err != nil {
			return nil, lineError(n, wrapKey(key, f.err))
		}
	}
	return timers, complete(n)
}

func (t *Timer) parseLine(key string, f *fields) (known bool) {
	switch key {
	case "signal": // "%d/%px"
		t.Signal = int(f.signed(f.until('/'), math.MaxInt32))
		t.Value = f.hex()
	case "notify": // "%s/%s.%d"
		t.Notify = Notify(f.oneOf(f.until('/'), notifyNames))
		t.Thread = f.oneOf(f.until('.'), []string{"pid", "tid"}) == 1
		t.PID = f.sdec32()
	case "ClockID":
		t.ClockID = f.sdec32()
	default:
		return false
	}
	return true
}

// ParseStrings splits /proc/PID/cmdline and environ, which end every string with a zero byte; a task that overwrote its arguments may
// have lost the last one.
func ParseStrings(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	b = bytes.TrimSuffix(b, []byte{0})
	list := make([]string, 0, 1+bytes.Count(b, []byte{0}))
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return append(list, string(b))
		}
		list = append(list, string(b[:i]))
		b = b[i+1:]
	}
}
