package preflight

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/compat"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

// RestoreOptions say what is to be restored, and by what.
type RestoreOptions struct {
	Set    *image.Set
	ABIs   []*arch.ABI // that the engine serves
	Xstate *arch.XstateLayout
	Facts  *kerndat.Facts
	Engine *procfs.Status // of the process that restores
}

// Restore returns what keeps the tree of an image from being made here, as Obstacles; nil when nothing that can be seen does. Where that is
// nothing but PIDs of the dead, as right after a dump, it waits a little for whoever has to wait for those.
func Restore(ctx context.Context, o RestoreOptions) error {
	found, err := examine(ctx, o)
	for again := 0; err == nil && found.dead() && again < looks; again++ {
		time.Sleep(glance << again)
		found, err = examine(ctx, o)
	}
	if err != nil {
		return err
	}
	return found.Err()
}

func examine(ctx context.Context, o RestoreOptions) (Obstacles, error) {
	v := &review{RestoreOptions: o, open: func(pid int) (*procfs.Task, error) { return procfs.Open(procfs.Root, pid) }}
	v.machine()
	v.rights()
	v.found = append(v.found, Foreign(o.Set, o.ABIs)...)
	for _, t := range o.Set.Tasks {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		v.task(t)
	}
	v.registers()
	v.left()
	return v.found, nil
}

const dead = ", which has exited and waits for its parent"

// dead says that nothing is in the way but tasks that have exited.
func (os Obstacles) dead() bool {
	return len(os) > 0 && !slices.ContainsFunc(os, func(o Obstacle) bool { return !strings.HasSuffix(o.Cause, dead) })
}

// review is one look at an image.
type review struct {
	RestoreOptions
	open  func(pid int) (*procfs.Task, error)
	found Obstacles
}

func (v *review) add(pid int, thing, cause, remedy string) {
	v.found = append(v.found, Obstacle{pid, thing, cause, remedy})
}

func (v *review) machine() {
	for _, f := range []kerndat.Feature{kerndat.CheckpointRestore, kerndat.Clone3SetTid} {
		if err := v.Facts.Demand(f); err != nil {
			v.add(0, "kernel", err.Error(), "woodfrog check tells what this kernel lacks")
		}
	}
}

// rights: what making tasks with given PIDs takes, and giving them their users.
func (v *review) rights() {
	// clone3(2), set_tid; prctl(2), PR_SET_MM_MAP.
	if !mayCheckpoint(v.Engine) {
		v.add(0, "woodfrog", "may not give processes their PIDs", "run woodfrog as root, or give it CAP_CHECKPOINT_RESTORE and CAP_SYS_PTRACE")
	}
	if v.Engine.Seccomp.Value != 0 { // seccomp(2): filters are inherited
		v.add(0, "woodfrog", "is filtered by seccomp, and so would all processes be", "run woodfrog without a seccomp profile (docker: seccomp=unconfined)")
	}
}

// task looks at one task of the image.
func (v *review) task(t *image.Task) {
	v.taken(t.Pid(), t.Pid())
	if unix.Kill(-t.Pid(), 0) != unix.ESRCH && unix.Kill(t.Pid(), 0) == unix.ESRCH {
		v.group(t.Pid())
	}
	for _, th := range t.Threads {
		if th.Tid != t.Pid() {
			v.taken(t.Pid(), th.Tid)
		}
	}
	if t.Dead() || !v.processor(t) {
		return
	}
	v.pageSize(t)
	v.addressBits(t)
	for _, th := range t.Threads {
		if tc := th.Core.ThreadCore; tc != nil && tc.Creds != nil {
			if v.credentials(t, tc.Creds) {
				break // one line a task is enough
			}
		}
	}
	v.areas(t)
	v.protections(t)
	v.namespaces(t)
}

// group adds that a process group without a leader has the number.
func (v *review) group(pgid int) {
	var members []procfs.Stat
	if proc, err := procfs.OpenProc(procfs.Root); err == nil {
		defer proc.Close()
		members, _ = proc.Group(pgid) // an error comes of /proc having gone, of which others tell
	}
	if len(members) == 0 && unix.Kill(-pgid, 0) == unix.ESRCH {
		return // they have gone meanwhile, and are not hidden
	}
	cause := "a process group of that number is there, whose leader has exited"
	alive := func(s procfs.Stat) bool { return s.State != 'Z' && s.State != 'X' }
	if len(members) == 0 || slices.ContainsFunc(members, alive) {
		v.add(pgid, "PID", cause, fmt.Sprintf("end it: kill -- -%d", pgid))
		return
	}
	v.add(pgid, "PID", cause+", and the last of it"+dead, "let their parent wait for them, or end that")
}

const takenByThread = "is taken by a thread of woodfrog itself"

// OwnThreads says that nothing is in the way but threads of this process, which have numbers of the image. Were the program executed again, it would
// have others.
func (os Obstacles) OwnThreads() bool {
	return len(os) > 0 && !slices.ContainsFunc(os, func(o Obstacle) bool { return o.Cause != takenByThread })
}

// taken says whether a number is in use, and by whom.
func (v *review) taken(pid, tid int) {
	if err := unix.Kill(tid, 0); err == unix.ESRCH {
		return
	}
	thing := "PID"
	if pid != tid {
		thing = fmt.Sprintf("TID %d", tid)
	}
	cause, remedy := "is taken", fmt.Sprintf("end process %d", tid)
	if p, err := v.open(tid); err == nil {
		defer p.Close()
		if s, err := p.Status(); err == nil {
			cause = fmt.Sprintf("is taken by %s", s.Name)
			switch {
			case tid == linux.Pid():
				cause, remedy = "is taken by woodfrog itself", "try again"
			case s.Tgid == linux.Pid():
				cause, remedy = takenByThread, "try again"
			case s.State == 'Z':
				cause += dead
				remedy = fmt.Sprintf("let process %d wait for it, or end that", s.PPID)
				if s.PPID == 1 {
					remedy = "use an init that waits for its children (docker run --init)"
				}
			case s.Tgid != tid:
				cause += fmt.Sprintf(", a thread of process %d", s.Tgid)
				remedy = fmt.Sprintf("end process %d", s.Tgid)
			}
		}
	}
	if remedy != "try again" {
		remedy += ", or restore in a PID namespace of its own (unshare --pid --fork --mount-proc)"
	}
	v.add(pid, thing, cause, remedy)
}

// losesSigpage says whether this kernel has tasks of abi return from handlers to where [sigpage] was before it was moved.
func (v *review) losesSigpage(abi *arch.ABI) bool {
	if !abi.Compat {
		return false
	}
	given, err := v.Facts.VDSO(abi)
	if err != nil || given.Sigpage.End == 0 {
		return false
	}
	moves, _ := v.Facts.Ask(kerndat.SigpageMoves)
	return moves == kerndat.No
}

// Foreign are the tasks of an image that no ABI of abis is that of: it is another architecture's.
func Foreign(set *image.Set, abis []*arch.ABI) (found Obstacles) {
	for _, t := range set.Tasks {
		if !t.Dead() && image.ABIOf(t.Core(), abis) == nil {
			found = append(found, Obstacle{t.Pid(), "processor", fmt.Sprintf("the image is of %s, this is %s", t.Core().Mtype, image.March(abis[0])),
				"restore on a machine of that architecture"})
		}
	}
	return found
}

// processor: the ABI, and the registers that are in use.
func (v *review) processor(t *image.Task) bool {
	core := t.Core()
	abi := image.ABIOf(core, v.ABIs)
	if abi == nil {
		return false // Foreign tells
	}
	if abi.Compat {
		if err := v.Facts.Demand(kerndat.CompatCR); err != nil {
			v.add(t.Pid(), "process", "32-bit ("+abi.Name+"), and this kernel runs no such programs: "+err.Error(), "restore under a kernel that does")
			return false
		}
	}
	if v.losesSigpage(abi) {
		v.add(t.Pid(), "process", "its handlers of signals could not return: this kernel loses [sigpage] when it is moved",
			"restore under "+kerndat.SigpageMoves.Needs()+" or later")
		return false
	}
	for _, th := range t.Threads {
		info := th.Core.ThreadInfo
		if info == nil {
			continue // another architecture's, or refused when the registers are laid out
		}
		if image.ABIOf(th.Core, v.ABIs) != abi {
			v.add(t.Pid(), fmt.Sprintf("thread %d", th.Tid), "runs code of another ABI than its process: not served", "restore with CRIU")
		}
		if name := image.MissingRegisters(th.Core, v.Xstate); name != "" {
			v.add(t.Pid(), fmt.Sprintf("thread %d", th.Tid), name+": in use, and this processor has no such registers",
				otherProcessor)
		}
	}
	return true
}

// pageSize: areas begin and end at pages.
func (v *review) pageSize(t *image.Task) {
	const atPagesz = 6 // AT_PAGESZ
	auxv := compat.TaskWords(image.ABIOf(t.Core(), v.ABIs), t.Mm.MmSavedAuxv)
	for i := 0; i+1 < len(auxv); i += 2 {
		if auxv[i] == atPagesz && auxv[i+1] != uint64(os.Getpagesize()) {
			v.add(t.Pid(), "memory", fmt.Sprintf("in pages of %d bytes, and this kernel's have %d", auxv[i+1], os.Getpagesize()),
				"restore under a kernel with the page size of the one that dumped")
		}
	}
}

// addressBits: kernels of one architecture differ in how much address space a task has.
func (v *review) addressBits(t *image.Task) {
	abi := image.ABIOf(t.Core(), v.ABIs)
	end := kerndat.TaskSize(abi)
	for _, a := range t.Mm.Vmas {
		if a.End > end && a.Start < abi.LargestTask() { // what is beyond both is the kernel's own, such as [vsyscall]
			remedy := "restore under a kernel with as many address bits as the one that dumped (CONFIG_ARM64_VA_BITS)"
			if abi.Elsewhere != 0 {
				remedy = "restore under a kernel of the architecture that the process began on: who is to go to both begins on " + abi.Name
			}
			v.add(t.Pid(), fmt.Sprintf("vma %x-%x", a.Start, a.End), fmt.Sprintf("tasks of this kernel end at %#x", end), remedy)
			return // one line a task is enough
		}
	}
}

// credentials: the engine can give up privileges, not gain any. It says whether something is in the way.
func (v *review) credentials(t *image.Task, c *image.CredsEntry) bool {
	if v.Engine.NoNewPrivs && (c.NoNewPrivs == nil || *c.NoNewPrivs == 0) { // prctl(2): inherited, and never taken back
		v.add(t.Pid(), "no_new_privs", "woodfrog has it, and so would the process", "run woodfrog without it (systemd: NoNewPrivileges=no, docker: without no-new-privileges)")
		return true
	}
	own := v.Engine.CapPrm
	if missing := capSet(c.CapPrm)&^own | capSet(c.CapInh)&^(own|v.Engine.CapInh|v.Engine.CapBnd); missing != 0 {
		v.add(t.Pid(), "capabilities", "woodfrog lacks some that the process has: "+CapNames(missing), "give them to woodfrog")
		return true
	}
	other := func(own [4]uint32, ids ...uint32) bool {
		for _, id := range ids {
			if id != own[0] && id != own[1] && id != own[2] {
				return true
			}
		}
		return false
	}
	if other(v.Engine.UID, c.Uid, c.Euid, c.Suid) && !has(v.Engine, unix.CAP_SETUID) ||
		other(v.Engine.GID, c.Gid, c.Egid, c.Sgid) && !has(v.Engine, unix.CAP_SETGID) {
		v.add(t.Pid(), "user", fmt.Sprintf("%d (group %d): woodfrog may not become another one", c.Uid, c.Gid), "run woodfrog as root, or as that user")
		return true
	}
	return false
}

func capSet(words []uint32) uint64 {
	var set uint64
	for i, w := range words[:min(len(words), 2)] {
		set |= uint64(w) << (32 * i)
	}
	return set
}

// CapNames names capabilities, bit n for capability n, for people.
func CapNames(set uint64) string {
	var names []string
	for ; set != 0; set &= set - 1 {
		names = append(names, capName(bits.TrailingZeros64(set)))
	}
	return strings.Join(names, ", ")
}

// Kinds of areas in images of CRIU (images/vma.proto, criu/include/image.h) that are not served.
var unservedAreas = []struct {
	status uint32
	name   string
}{{1 << 10, "System V shared memory"}, {1 << 11, "a packet socket's ring"}, {1 << 13, "an AIO ring"}}

const withCRIU = "restore with CRIU"

func (v *review) areas(t *image.Task) {
	for _, a := range t.Mm.Vmas {
		for _, u := range unservedAreas {
			if a.Status&u.status != 0 {
				v.add(t.Pid(), fmt.Sprintf("vma %x-%x", a.Start, a.End), u.name+": not served yet", withCRIU)
			}
		}
	}
}

// namespaces: a task had one of its own if its id is not that of the program that dumped it.
func (v *review) namespaces(t *image.Task) {
	root := v.Set.Inventory.RootIds
	if root == nil || t.Ids == nil {
		return
	}
	var kinds []string
	for _, n := range []struct {
		kind      string
		own, root *uint32
	}{
		{"PID", t.Ids.PidNsId, root.PidNsId}, {"mount", t.Ids.MntNsId, root.MntNsId}, {"network", t.Ids.NetNsId, root.NetNsId},
		{"IPC", t.Ids.IpcNsId, root.IpcNsId}, {"UTS", t.Ids.UtsNsId, root.UtsNsId}, {"user", t.Ids.UserNsId, root.UserNsId},
		{"cgroup", t.Ids.CgroupNsId, root.CgroupNsId}, {"time", t.Ids.TimeNsId, root.TimeNsId},
	} {
		if n.own != nil && n.root != nil && *n.own != *n.root {
			kinds = append(kinds, n.kind)
		}
	}
	if len(kinds) > 0 {
		v.add(t.Pid(), strings.Join(kinds, ", ")+" namespace", "of its own: not served yet", withCRIU)
	}
}

// left: what the whole image has that is not served.
func (v *review) left() {
	if n := len(v.Set.Remaps); n > 0 {
		v.add(0, "remap-fpath.img", fmt.Sprintf("%d deleted files: not served yet", n), withCRIU)
	}
	if n := len(v.Set.SkQueues); n > 0 {
		v.add(0, "sk-queues.img", fmt.Sprintf("%d packets in queues of sockets: not served yet", n), withCRIU)
	}
}

const otherImages = "choose the directory of the image with --images-dir"

// OpenImages opens the directory of an image. That there is none is an obstacle.
func OpenImages(path string) (*image.Dir, error) {
	dir, err := image.OpenDir(path)
	if errno := unix.Errno(0); errors.As(err, &errno) && (errno == unix.ENOENT || errno == unix.ENOTDIR) {
		return nil, Obstacle{Thing: "images " + path, Cause: errno.Error(), Remedy: otherImages}
	}
	return dir, err
}

// NoInventory makes an obstacle of the error of an image that has no inventory; other errors stay what they are.
func NoInventory(dir *image.Dir, err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if names, e := dir.Names(); e == nil {
		for _, n := range names {
			if n == image.Inventory.FileName(0) {
				return err
			}
		}
	}
	return Obstacle{Thing: "images " + dir.Path(), Cause: "no inventory.img: there is no image here, or the dump did not finish",
		Remedy: otherImages}
}
