package preflight

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/arch/arm"
	"woodfrog/arch/x86"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/procfs"
	"woodfrog/internal/testenv"
)

// free is a PID that is not in use: the kernel's PIDs are below it (include/linux/threads.h, PID_MAX_LIMIT).
const free = 4<<20 - 1

// anImage is an image of one task, which nothing is wrong with.
func anImage() *image.Set {
	core := &image.CoreEntry{
		Mtype: image.CoreEntry_X86_64, Tc: &image.TaskCoreEntry{TaskState: image.TaskAlive}, ThreadCore: &image.ThreadCoreEntry{Creds: &image.CredsEntry{}},
		ThreadInfo: &image.ThreadInfoX86{
			Gpregs: &image.UserX86RegsEntry{}, Fpregs: &image.UserX86FpregsEntry{Xsave: &image.UserX86XsaveEntry{XstateBv: 7}},
		},
	}
	t := &image.Task{
		Entry: &image.PstreeEntry{Pid: free}, Threads: []*image.Thread{{Tid: free, Core: core}}, Ids: &image.TaskKobjIdsEntry{},
		Mm: &image.MmEntry{MmSavedAuxv: []uint64{6, uint64(os.Getpagesize()), 0, 0}},
	}
	return &image.Set{Inventory: &image.InventoryEntry{}, Tasks: []*image.Task{t}}
}

// avx is a processor with AVX and no more.
func avx() *arch.XstateLayout {
	var l arch.XstateLayout
	l[2].Size, l[2].Offset = 256, 576
	return &l
}

func inTheWay(t *testing.T, set *image.Set) Obstacles {
	t.Helper()
	return inTheWayOf(t, set, func(*procfs.Status) {})
}

// inTheWayOf is inTheWay for an engine other than this process.
func inTheWayOf(t *testing.T, set *image.Set, change func(engine *procfs.Status)) Obstacles {
	t.Helper()
	self, err := procfs.Open(procfs.Root, os.Getpid())
	require.NoError(t, err)
	defer self.Close()
	status, err := self.Status()
	require.NoError(t, err)
	change(&status)
	err = Restore(context.Background(), RestoreOptions{Set: set, ABIs: []*arch.ABI{x86.X86_64, x86.I386, arm.Arm}, Xstate: avx(), Facts: &kerndat.Facts{}, Engine: &status})
	var all Obstacles
	if err != nil {
		require.True(t, errors.As(err, &all), err)
	}
	return all
}

// What the engine cannot put off, a task that has it may come back with.
func TestInheritedFromTheEngine(t *testing.T) {
	testenv.Root(t)
	bound := func(e *procfs.Status) { e.NoNewPrivs = true }
	all := inTheWayOf(t, anImage(), bound)
	require.Len(t, all, 1)
	require.Equal(t, "no_new_privs", all[0].Thing)
	set, one := anImage(), uint32(1)
	set.Tasks[0].Core().ThreadCore.Creds.NoNewPrivs = &one
	require.Empty(t, inTheWayOf(t, set, bound))

	all = inTheWayOf(t, anImage(), func(e *procfs.Status) { e.Seccomp = procfs.Some(2) })
	require.Len(t, all, 1)
	require.Equal(t, "is filtered by seccomp, and so would all processes be", all[0].Cause)
}

func TestObstaclesOfImages(t *testing.T) {
	testenv.Root(t)
	require.Empty(t, inTheWay(t, anImage()))
	one, two, compat := uint32(1), uint32(2), image.UserX86RegsMode_COMPAT
	for _, c := range []struct {
		name   string
		change func(set *image.Set, t *image.Task, core *image.CoreEntry)
		want   Obstacle
	}{
		{"architecture", func(_ *image.Set, _ *image.Task, core *image.CoreEntry) { core.Mtype = image.CoreEntry_AARCH64 },
			Obstacle{free, "processor", "the image is of AARCH64, this is X86_64", "restore on a machine of that architecture"}},
		{"registers", func(_ *image.Set, _ *image.Task, core *image.CoreEntry) {
			core.ThreadInfo.Fpregs.Xsave.XstateBv |= 1 << 9
		},
			Obstacle{free, "thread 4194303", "PKRU: in use, and this processor has no such registers", "restore on a machine with the features of the one that dumped"}},
		{"code of another ABI", func(_ *image.Set, t *image.Task, core *image.CoreEntry) {
			other := *core
			other.ThreadInfo = &image.ThreadInfoX86{Gpregs: &image.UserX86RegsEntry{Mode: &compat}}
			t.Threads = append(t.Threads, &image.Thread{Tid: free - 1, Core: &other})
		}, Obstacle{free, "thread 4194302", "runs code of another ABI than its process: not served", "restore with CRIU"}},
		{"page size", func(_ *image.Set, t *image.Task, _ *image.CoreEntry) { t.Mm.MmSavedAuxv[1] = 65536 },
			Obstacle{free, "memory", "in pages of 65536 bytes, and this kernel's have 4096", "restore under a kernel with the page size of the one that dumped"}},
		{"protection", func(_ *image.Set, t *image.Task, _ *image.CoreEntry) {
			t.Mm.Vmas = []*image.VmaEntry{{Start: 0x1000, End: 0x2000, Status: 1, Prot: 1 | 0x20}}
		}, Obstacle{free, "memory", "under protection 0x20: this processor or kernel has no such protection", otherProcessor}},
		{"address bits", func(_ *image.Set, t *image.Task, _ *image.CoreEntry) {
			t.Mm.Vmas = []*image.VmaEntry{{Start: 0x7fff_ffff_d000, End: 0x7fff_ffff_e000, Status: 1}, {Start: 0x7fff_ffff_e000, End: 0x8000_0000_0000, Status: 1}}
		}, Obstacle{free, "vma 7fffffffe000-800000000000", "tasks of this kernel end at 0x7ffffffff000",
			"restore under a kernel with as many address bits as the one that dumped (CONFIG_ARM64_VA_BITS)"}},
		{"of another architecture's kernel", func(_ *image.Set, t *image.Task, core *image.CoreEntry) {
			core.Mtype = image.CoreEntry_ARM
			t.Mm.Vmas = []*image.VmaEntry{{Start: 0xbe00_0000, End: 0xbe00_1000, Status: 1}, {Start: 0xfffc_f000, End: 0xffff_0000, Status: 1}, {Start: 0xffff_0000, End: 0xffff_1000}}
		}, Obstacle{free, "vma fffcf000-ffff0000", "tasks of this kernel end at 0xbf000000",
			"restore under a kernel of the architecture that the process began on: who is to go to both begins on arm"}},
		{"capabilities", func(_ *image.Set, _ *image.Task, core *image.CoreEntry) {
			core.ThreadCore.Creds.CapPrm = []uint32{0, 1 << 30}
		}, Obstacle{free, "capabilities", "woodfrog lacks some that the process has: capability 62", "give them to woodfrog"}},
		{"System V", func(_ *image.Set, t *image.Task, _ *image.CoreEntry) {
			t.Mm.Vmas = []*image.VmaEntry{{Start: 0x1000, End: 0x2000, Status: 1 | 1<<10}}
		}, Obstacle{free, "vma 1000-2000", "System V shared memory: not served yet", "restore with CRIU"}},
		{"namespace", func(s *image.Set, t *image.Task, _ *image.CoreEntry) {
			s.Inventory.RootIds = &image.TaskKobjIdsEntry{NetNsId: &one, UtsNsId: &one}
			t.Ids.NetNsId, t.Ids.UtsNsId = &two, &one
		}, Obstacle{free, "network namespace", "of its own: not served yet", "restore with CRIU"}},
		{"deleted files", func(s *image.Set, _ *image.Task, _ *image.CoreEntry) { s.Remaps = make([]*image.RemapFilePathEntry, 3) },
			Obstacle{0, "remap-fpath.img", "3 deleted files: not served yet", "restore with CRIU"}},
		{"packets", func(s *image.Set, _ *image.Task, _ *image.CoreEntry) { s.SkQueues = make([]*image.SkPacket, 1) },
			Obstacle{0, "sk-queues.img", "1 packets in queues of sockets: not served yet", "restore with CRIU"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := anImage()
			c.change(set, set.Tasks[0], set.Tasks[0].Core())
			require.Equal(t, Obstacles{c.want}, inTheWay(t, set))
		})
	}
}

// Numbers that are taken, by a task, a thread, a zombie, this program, and a group without its leader.
func TestTakenPids(t *testing.T) {
	testenv.Root(t)
	numbered := func(pid int, tids ...int) Obstacles {
		set := anImage()
		task := set.Tasks[0]
		task.Entry.Pid = uint32(pid)
		task.Threads[0].Tid = pid
		for _, tid := range tids {
			task.Threads = append(task.Threads, &image.Thread{Tid: tid, Core: task.Core()})
		}
		return inTheWay(t, set)
	}
	pid := start(t, "plain", nil)
	all := numbered(pid)
	require.Len(t, all, 1)
	require.Equal(t, "PID", all[0].Thing)
	require.Contains(t, all[0].Cause, "is taken by ")
	require.Contains(t, all[0].Remedy, "end process "+itoa(pid)+", or restore in a PID namespace of its own")

	tid := aThread(t, pid)
	all = numbered(free, tid)
	require.Len(t, all, 1)
	require.Equal(t, "TID "+itoa(tid), all[0].Thing)
	require.Contains(t, all[0].Cause, ", a thread of process "+itoa(pid))

	all = numbered(os.Getpid())
	require.Len(t, all, 1)
	require.Equal(t, "is taken by woodfrog itself", all[0].Cause)

	cmd := exec.Command("true")
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	await(t, func() bool { return state(cmd.Process.Pid) == 'Z' })
	all = numbered(cmd.Process.Pid)
	require.Len(t, all, 1)
	require.Contains(t, all[0].Cause, "is taken by true, which has exited and waits for its parent")
	require.Contains(t, all[0].Remedy, "let process "+itoa(os.Getpid())+" wait for it")
}

// The dead of a dump are waited for, if nothing else is in the way.
func TestTakenForAMoment(t *testing.T) {
	testenv.Root(t)
	cmd := exec.Command("true")
	require.NoError(t, cmd.Start())
	await(t, func() bool { return state(cmd.Process.Pid) == 'Z' })
	set := anImage()
	set.Tasks[0].Entry.Pid, set.Tasks[0].Threads[0].Tid = uint32(cmd.Process.Pid), cmd.Process.Pid
	time.AfterFunc(10*time.Millisecond, func() { _ = cmd.Wait() })
	require.Empty(t, inTheWay(t, set))
}

// aThread is a thread of pid, not its leader. Go makes threads when it needs them.
func aThread(t *testing.T, pid int) (tid int) {
	t.Helper()
	await(t, func() bool {
		entries, err := os.ReadDir("/proc/" + itoa(pid) + "/task")
		require.NoError(t, err)
		tid, err = strconv.Atoi(entries[len(entries)-1].Name())
		require.NoError(t, err)
		return tid != pid
	})
	return tid
}

// A process group without its leader keeps the number, too.
func TestTakenGroup(t *testing.T) {
	testenv.Root(t)
	cmd := exec.Command("sh", "-c", "sleep 1000 >/dev/null 2>&1 &")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Run())
	pgid := cmd.ProcessState.Pid()
	t.Cleanup(func() { require.NoError(t, unix.Kill(-pgid, unix.SIGKILL)) })
	set := anImage()
	set.Tasks[0].Entry.Pid, set.Tasks[0].Threads[0].Tid = uint32(pgid), pgid
	all := inTheWay(t, set)
	require.Len(t, all, 1)
	require.Equal(t, "a process group of that number is there, whose leader has exited", all[0].Cause)
}

// One of which nobody lives any more is waited for.
func TestTakenGroupForAMoment(t *testing.T) {
	testenv.Root(t)
	leader := exec.Command("true")
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, leader.Start())
	await(t, func() bool { return state(leader.Process.Pid) == 'Z' })
	member := exec.Command("true")
	member.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: leader.Process.Pid}
	require.NoError(t, member.Start())
	await(t, func() bool { return state(member.Process.Pid) == 'Z' })
	require.NoError(t, leader.Wait())
	set := anImage()
	set.Tasks[0].Entry.Pid, set.Tasks[0].Threads[0].Tid = uint32(leader.Process.Pid), leader.Process.Pid
	time.AfterFunc(10*time.Millisecond, func() { _ = member.Wait() })
	require.Empty(t, inTheWay(t, set))
}

// state is the letter of /proc/PID/stat.
func state(pid int) byte {
	p, err := procfs.Open(procfs.Root, pid)
	if err != nil {
		return 0
	}
	defer p.Close()
	s, err := p.Stat()
	if err != nil {
		return 0
	}
	return s.State
}
