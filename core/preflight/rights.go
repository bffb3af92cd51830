package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// engine is what the scan must know of its own process.
type engine struct {
	ns    map[string]string // targets of the links, by name
	label string
}

// engineSide reads what the engine's own /proc tells, and prepares what only some trees ask for.
func (s *scan) engineSide() {
	s.engine.ns = map[string]string{}
	s.credentials = sync.OnceValue(func() *procfs.Status {
		var status procfs.Status
		if self, err := s.open(s.self); err == nil {
			status, _ = self.Status()
			_ = self.Close()
		}
		return &status
	})
	self, err := s.open(s.self)
	if err != nil {
		return // and machine has said so
	}
	defer self.Close()
	for _, n := range namespaces {
		s.engine.ns[n.name], _ = self.Link("ns/" + n.name)
	}
	s.engine.label, _ = self.SecurityLabel()
}

// grant is what to do about capabilities that the engine lacks.
const grant = "run woodfrog as root, or give it CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE"

// mayMap says whether the engine may open what processes have mapped, through map_files (fs/proc/base.c, proc_map_files_get_link).
func mayMap() bool {
	caps, err := linux.EffectiveCapabilities()
	return err != nil || mayCheckpoint(&procfs.Status{CapEff: caps}) // an error will turn out
}

// mayCheckpoint says whether the engine may do what the kernel keeps for checkpoint and restore (capabilities(7)).
func mayCheckpoint(e *procfs.Status) bool {
	return has(e, unix.CAP_CHECKPOINT_RESTORE) || has(e, unix.CAP_SYS_ADMIN)
}

// has says whether the engine has a capability.
func has(e *procfs.Status, capability int) bool { return e.CapEff>>capability&1 != 0 }

// traceable says whether the engine may trace t.
func (s *scan) traceable(t *subject) bool {
	if tracer := t.status.TracerPID; tracer != 0 {
		t.found = append(t.found, Traced(t.pid, "process", tracer, s.named(tracer)))
		return false
	}
	// The access check is the one that attaching asks for (fs/proc/base.c, mem_open: PTRACE_MODE_ATTACH).
	fd, err := t.proc.OpenFile("mem", unix.O_RDONLY)
	if err == nil {
		_ = unix.Close(fd)
		return true
	}
	if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		t.unreadable(err)
		return false
	}
	cause, remedy := s.refusal(t)
	t.add("process", cause, remedy)
	return false
}

// Traced is the obstacle of a process or thread that has a tracer, which is named so.
func Traced(pid int, thing string, tracer int, named string) Obstacle {
	return Obstacle{pid, thing, named + " traces it already", fmt.Sprintf("end process %d (gdb, strace), or let it detach", tracer)}
}

// named is a task for people.
func (s *scan) named(pid int) string {
	p, err := s.open(pid)
	if err == nil {
		defer p.Close()
		if stat, err := p.Stat(); err == nil {
			return fmt.Sprintf("process %d (%s)", pid, stat.Comm)
		}
	}
	return fmt.Sprintf("process %d", pid)
}

// refusal says why the kernel does not let the engine trace t (ptrace(2), "Ptrace access mode checking").
func (s *scan) refusal(t *subject) (cause, remedy string) {
	e := s.credentials()
	if scope, err := procfs.ReadSys(procfs.Root, "kernel/yama/ptrace_scope"); err == nil && scope == "3" {
		return "no process may be traced: kernel.yama.ptrace_scope is 3", "boot with another value: it cannot be changed back"
	}
	if has(e, unix.CAP_SYS_PTRACE) {
		return "may not be traced, although woodfrog has CAP_SYS_PTRACE: a security module or its user namespace forbids it",
			"see the log of the security module (dmesg), or run woodfrog in the user namespace of the process"
	}
	switch uid := e.UID[1]; {
	case slices.ContainsFunc(t.status.UID[:3], func(u uint32) bool { return u != uid }):
		cause = fmt.Sprintf("may not be traced: it belongs to user %d, woodfrog runs as user %d without CAP_SYS_PTRACE", t.status.UID[0], uid)
	case t.status.CapPrm&^e.CapPrm != 0:
		cause = "may not be traced: it has capabilities that woodfrog lacks"
	default:
		cause = "may not be traced without CAP_SYS_PTRACE"
	}
	return cause, grant
}

// namespaces are the links of /proc/PID/ns. Those that a kernel lacks are alike on both sides.
var namespaces = []struct{ name, kind, enter string }{
	{"mnt", "mount", "--mount"},
	{"net", "network", "--net"},
	{"ipc", "IPC", "--ipc"},
	{"uts", "UTS", "--uts"},
	{"user", "user", "--user"},
	{"cgroup", "cgroup", "--cgroup"},
	{"time", "time", "--time"},
	{"pid_for_children", "PID (of its children)", ""}, // after unshare(2) and setns(2)
}

// namespaces: a restored task is in the engine's, so it has to be in them now.
func (s *scan) namespaces(t *subject) {
	own := s.engine.ns
	var kinds, enter []string
	// A PID namespace below that of /proc, which is the engine's.
	if len(t.status.NSpid) > 1 {
		kinds, enter = append(kinds, "PID"), append(enter, "--pid")
	}
	for _, n := range namespaces {
		link, err := t.proc.Link("ns/" + n.name)
		if gone(err) || err != nil && own[n.name] == "" || link == own[n.name] {
			continue
		}
		if err != nil {
			t.unreadable(err)
			return
		}
		kinds = append(kinds, n.kind)
		if n.enter != "" {
			enter = append(enter, n.enter)
		}
	}
	// A thread alone may have another of most kinds. That is done with those of networks, and each kind costs a call for each thread.
	for i, net := range t.nets {
		if net != "" && net != t.nets[0] && t.nets[0] != "" {
			t.add("network namespace", fmt.Sprintf("thread %d has another than the process: namespaces are not served yet", t.threads[i]), "")
			return
		}
	}
	if len(kinds) == 0 {
		return
	}
	remedy := ""
	if len(enter) > 0 {
		remedy = fmt.Sprintf("dump and restore from within: nsenter --target %d %s woodfrog ...", t.pid, strings.Join(enter, " "))
	}
	t.add(strings.Join(kinds, ", ")+" namespace", "is not that of woodfrog: namespaces are not served yet", remedy)
}

// security: filters that would stop the stub, labels that a restored task would not have.
func (s *scan) security(t *subject) {
	if t.status.Seccomp.Value != 0 {
		switch e := s.credentials(); {
		case !has(e, unix.CAP_SYS_ADMIN):
			t.add("seccomp filter", "suspending it takes CAP_SYS_ADMIN", "give woodfrog CAP_SYS_ADMIN")
		case e.Seccomp.Value != 0:
			t.add("seccomp filter", "woodfrog itself is filtered, and so may not suspend it", "run woodfrog outside of the container, or without a seccomp profile")
		}
	}
	if slices.Contains(t.status.X86ThreadFeatures, "shstk") {
		t.add("shadow stack", "is not served yet", "run the program with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off")
	}
	own := s.engine.label
	if own == "" {
		return // there are no labels
	}
	if label, err := t.proc.SecurityLabel(); err == nil && label != own {
		t.add("security label "+label, "a restored process would have woodfrog's, "+own, "run woodfrog under the same label")
	}
}
