package task

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/compat"
	"woodfrog/core/image"
	"woodfrog/core/stub"
)

// actions appends the signal actions that differ from a fresh task's: after exec they are the default, or to ignore where the engine
// was made to ignore.
func (v *Revival) actions(p *stub.Program, list []*image.SaEntry) {
	i := 0
	for sig := 1; sig <= numSignals && i < len(list); sig++ {
		if sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
			continue
		}
		sa := list[i]
		i++
		fresh := uint64(sigDfl)
		if v.Ignored>>(sig-1)&1 != 0 {
			fresh = sigIgn
		}
		if sa.Sigaction == fresh && sa.Flags == 0 && sa.Mask == 0 && sa.Restorer == 0 {
			continue
		}
		p.Call(arch.SysRtSigaction, sig, action(p, sa), 0, 8)
	}
	if v.StopsChildren {
		const noCldStop = 1 // SA_NOCLDSTOP
		chld := action(p, list[min(int(unix.SIGCHLD)-2, len(list)-1)])
		v.Chld = &chld
		p.Call(arch.SysRtSigaction, int(unix.SIGCHLD), action(p, &image.SaEntry{Flags: noCldStop}), 0, 8)
	}
}

// action is the struct sigaction of the kernel.
func action(p *stub.Program, sa *image.SaEntry) stub.Data {
	return p.Area.Bytes(p.ABI().Struct().Word(sa.Sigaction, sa.Flags, sa.Restorer).Set(sa.Mask).Bytes())
}

const (
	sigDfl = 0
	sigIgn = 1
)

// queued is the number of a pending signal that a program can queue: not SIGSTOP, which no thread can block.
func queued(s *image.SiginfoEntry) (sig int, ok bool) {
	if len(s.Siginfo) < 4 {
		return 0, false
	}
	sig = int(binary.LittleEndian.Uint32(s.Siginfo))
	return sig, sig != int(unix.SIGSTOP) && sig != int(unix.SIGKILL)
}

// private appends the pending signals of thread i's own.
func (v *Revival) private(p *stub.Program, i int) {
	tc := v.Cores[i].ThreadCore
	if tc == nil || tc.SignalsP == nil {
		return
	}
	for _, s := range tc.SignalsP.Signals {
		if sig, ok := queued(s); ok {
			p.Call(arch.SysRtTgsigqueueinfo, v.Pid, v.Tids[i], sig, p.Area.Bytes(compat.Siginfo(p.ABI(), s.Siginfo)))
		}
	}
}

// blockedOrHandled says that sig would not stop the task.
func blockedOrHandled(c *image.CoreEntry, sig unix.Signal) bool {
	if sig < 1 || sig > numSignals {
		return true
	}
	mask := c.Tc.BlkSigset
	if tc := c.ThreadCore; tc != nil && tc.BlkSigset != nil {
		mask = *tc.BlkSigset
	}
	i := 0
	for s := unix.Signal(1); s < sig; s++ {
		if s != unix.SIGKILL && s != unix.SIGSTOP {
			i++
		}
	}
	return mask>>(sig-1)&1 != 0 || i < len(c.Tc.Sigactions) && c.Tc.Sigactions[i].Sigaction != sigDfl
}

// StopSignal is the signal with which a restored task is to be stopped, or 0.
func StopSignal(c *image.CoreEntry) unix.Signal {
	if c.Tc.TaskState == image.TaskStopped {
		switch s := c.Tc.StopSigno; {
		case s == nil || blockedOrHandled(c, unix.Signal(*s)):
		case *s == uint32(unix.SIGTSTP), *s == uint32(unix.SIGTTIN), *s == uint32(unix.SIGTTOU):
			return unix.Signal(*s)
		}
		return unix.SIGSTOP
	}
	queues := []*image.SignalQueueEntry{c.Tc.SignalsS}
	if c.ThreadCore != nil {
		queues = append(queues, c.ThreadCore.SignalsP)
	}
	for _, q := range queues {
		if q == nil {
			continue
		}
		for _, s := range q.Signals {
			if len(s.Siginfo) >= 4 && binary.LittleEndian.Uint32(s.Siginfo) == uint32(unix.SIGSTOP) {
				return unix.SIGSTOP
			}
		}
	}
	return 0
}
