package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
)

// engine is what the scan must know of its own process.
type engine struct {
	procfs.Status
	ns    map[string]string // targets of the links, by name
	label string
}

// own returns the engine's namespaces and label.
func (s *scan) own() *engine {
	if s.engine.ns != nil {
		return &s.engine
	}
	s.engine.ns = map[string]string{}
	self, err := s.open(s.self)
	if err != nil {
		s.add(0, "/proc", "it shows another PID namespace than woodfrog's", "mount -t proc proc /proc in the PID namespace that woodfrog runs in")
		return &s.engine
	}
	defer self.Close()
	for _, n := range namespaces {
		s.engine.ns[n.name], _ = self.Link("ns/" + n.name)
	}
	s.engine.label, _ = self.SecurityLabel()
	return &s.engine
}

// credentials returns the engine's side with its status, which not every tree asks for.
func (s *scan) credentials() *engine {
	if s.engine.PID == 0 {
		if self, err := s.open(s.self); err == nil {
			defer self.Close()
			s.engine.Status, _ = self.Status()
		}
	}
	return &s.engine
}

// has says whether the engine has a capability.
func (e *engine) has(capability int) bool { return e.CapEff>>capability&1 != 0 }

// traceable says whether the engine may trace t.
func (s *scan) traceable(t *subject) bool {
	if tracer := t.status.TracerPID; tracer != 0 {
		s.add(t.pid, "process", fmt.Sprintf("%s traces it already", s.named(tracer)), fmt.Sprintf("end process %d (gdb, strace), or let it detach", tracer))
		return false
	}
	// The access check is the one that attaching asks for (fs/proc/base.c, mem_open: PTRACE_MODE_ATTACH).
	fd, err := t.proc.OpenFile("mem", unix.O_RDONLY)
	if err == nil {
		_ = unix.Close(fd)
		return true
	}
	if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		s.unreadable(t, err)
		return false
	}
	cause, remedy := s.refusal(t)
	s.add(t.pid, "process", cause, remedy)
	return false
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
	if e.has(unix.CAP_SYS_PTRACE) {
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
	return cause, "run woodfrog as root, or give it CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE"
}

// namespaces are the links of /proc/PID/ns. Those that a kernel lacks are alike on both sides.
var namespaces = []struct{ name, kind, enter string }{
	{"pid", "PID", "--pid"},
	{"mnt", "mount", "--mount"},
	{"net", "network", "--net"},
	{"ipc", "IPC", "--ipc"},
	{"uts", "UTS", "--uts"},
	{"user", "user", "--user"},
	{"cgroup", "cgroup", "--cgroup"},
	{"time", "time", "--time"},
	{"pid_for_children", "PID (of its children)", ""},
}

// namespaces: a restored task is in the engine's, so it has to be in them now.
func (s *scan) namespaces(t *subject) {
	own := s.own().ns
	var kinds, enter []string
	for _, n := range namespaces {
		link, err := t.proc.Link("ns/" + n.name)
		if gone(err) || err != nil && own[n.name] == "" || link == own[n.name] {
			continue
		}
		if err != nil {
			s.unreadable(t, err)
			return
		}
		kinds = append(kinds, n.kind)
		if n.enter != "" {
			enter = append(enter, n.enter)
		}
	}
	if len(kinds) == 0 {
		return
	}
	remedy := ""
	if len(enter) > 0 {
		remedy = fmt.Sprintf("dump and restore from within: nsenter --target %d %s woodfrog ...", t.pid, strings.Join(enter, " "))
	}
	s.add(t.pid, strings.Join(kinds, ", ")+" namespace", "is not that of woodfrog: namespaces are not served yet", remedy)
}

// security: filters that would stop the stub, labels that a restored task would not have.
func (s *scan) security(t *subject) {
	if t.status.Seccomp.Value != 0 {
		switch e := s.credentials(); {
		case !e.has(unix.CAP_SYS_ADMIN):
			s.add(t.pid, "seccomp filter", "suspending it takes CAP_SYS_ADMIN", "give woodfrog CAP_SYS_ADMIN")
		case e.Seccomp.Value != 0:
			s.add(t.pid, "seccomp filter", "woodfrog itself is filtered, and so may not suspend it", "run woodfrog outside of the container, or without a seccomp profile")
		}
	}
	if slices.Contains(t.status.X86ThreadFeatures, "shstk") {
		s.add(t.pid, "shadow stack", "is not served yet", "run the program with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off")
	}
	own := s.own().label
	if own == "" {
		return // there are no labels
	}
	if label, err := t.proc.SecurityLabel(); err == nil && label != own {
		s.add(t.pid, "security label "+label, "a restored process would have woodfrog's, "+own, "run woodfrog under the same label")
	}
}
