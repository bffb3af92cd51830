package task

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/ptrace"
	"woodfrog/internal/linux"
)

// pending reads a queue of pending signals of a stopped thread without changing it.
func pending(tid int, flags uint32) ([]byte, error) {
	var all []byte
	batch := make([]byte, 32*linux.SiginfoSize)
	for {
		n, err := linux.PeekSiginfo(tid, uint64(len(all)/linux.SiginfoSize), flags, batch)
		if err != nil {
			return nil, fmt.Errorf("pending signals: %w", err)
		}
		if n == 0 {
			return all, nil
		}
		all = append(all, batch[:n*linux.SiginfoSize]...)
	}
}

func (t *Task) readShared() (err error) {
	t.Shared, err = pending(t.Pid, linux.PeekSiginfoShared)
	return err
}

func (th *Thread) readPrivate() (err error) {
	th.Private, err = pending(th.Tid, 0)
	return err
}

// signals is the set of the signals in a queue that can be blocked, bit n-1 for signal n.
func signals(queue []byte) uint64 {
	var set uint64
	for ; len(queue) > 0; queue = queue[linux.SiginfoSize:] {
		set |= 1 << (binary.LittleEndian.Uint32(queue) - 1)
	}
	return set &^ (1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1))
}

// settleTries is how often the timers are read again at most; the area has room for that.
const settleTries = 3

// settle reads queue and timers until they belong together: a timer that expires between the two is in both of them, or in neither.
func (t *Task) settle() error {
	leader := t.Leader()
	for range settleTries {
		if le64(leader.Facts.leader.pending.Mem()) == signals(t.Shared)|signals(leader.Private) {
			return nil
		}
		if err := linux.Interrupt(leader.Tid); err != nil {
			return err
		}
		if err := ptrace.WaitReleased(leader.Tid); err != nil {
			return err
		}
		leader.running = false
		if err := t.readShared(); err != nil {
			return err
		}
		if err := leader.readPrivate(); err != nil {
			return err
		}
		leader.block.Rearm()
		p := leader.asked.Next()
		t.askTimers(p)
		p.Link()
		if err := leader.Enter(p.Block); err != nil {
			return err
		}
		if err := leader.block.Wait(leader.Alive); err != nil {
			return err
		}
		if err := p.Err(); err != nil {
			return err
		}
	}
	return nil
}

// firstHandler says which kind of handler the thread runs before it goes on: that of its lowest pending signal that has one.
func (th *Thread) firstHandler() arch.Handler {
	t := th.Task
	shared := signals(t.Shared)
	if leader := t.Leader(); th != leader {
		shared &= leader.Sigmask // the others are the leader's (kernel/signal.c, complete_signal)
	}
	set := (signals(th.Private) | shared) &^ th.Sigmask
	for ; set != 0; set &= set - 1 {
		sig := bits.TrailingZeros64(set) + 1
		switch a := t.action(sig); {
		case a.Sigaction == sigDfl || a.Sigaction == sigIgn:
		case a.Flags&saRestart != 0:
			return arch.Restarts
		default:
			return arch.Interrupts
		}
	}
	return arch.NoHandler
}

const saRestart = 0x10000000 // SA_RESTART

// action is what the leader told of a signal: struct sigaction of the kernel (include/linux/signal_types.h).
func (t *Task) action(sig int) *image.SaEntry {
	f := t.ABI.Fields(t.Leader().Facts.leader.actions.Part((sig-1)*sigactionSize, sigactionSize).Mem())
	return &image.SaEntry{Sigaction: f.Word(), Flags: f.Word(), Restorer: f.Word(), Mask: f.Set()}
}
