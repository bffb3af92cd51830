package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	rootPid   = 9078
	rootTid   = 9104
	childPid  = 9080
	zombiePid = 9081
)

// change rewrites a file of messages of one type.
func change[T any, M messageOf[T]](k Kind, id int, f func(all []*T) []*T) func(*testing.T, *Dir) {
	return func(t *testing.T, d *Dir) {
		all, err := ReadAll[T, M](d, k, id)
		require.NoError(t, err)
		ms := []M{}
		for _, m := range f(all) {
			ms = append(ms, M(m))
		}
		require.NoError(t, WriteAll(d, k, id, ms))
	}
}

// first changes the first message of a file.
func first[T any, M messageOf[T]](k Kind, id int, f func(m *T)) func(*testing.T, *Dir) {
	return change[T, M](k, id, func(all []*T) []*T { f(all[0]); return all })
}

// runs changes the entries of a pagemap.
func runs(k Kind, id int, f func(e []*PagemapEntry)) func(*testing.T, *Dir) {
	return func(t *testing.T, d *Dir) {
		r, err := d.Open(k, id)
		require.NoError(t, err)
		defer r.Close()
		head := new(PagemapHead)
		require.NoError(t, r.Next(head))
		all, err := Rest[PagemapEntry](r)
		require.NoError(t, err)
		f(all)
		w, err := d.Create(k, id)
		require.NoError(t, err)
		w.Put(head)
		for _, e := range all {
			w.Put(e)
		}
		require.NoError(t, w.Close())
	}
}

func remove(k Kind, id int) func(*testing.T, *Dir) {
	return func(t *testing.T, d *Dir) { require.NoError(t, os.Remove(filepath.Join(d.Path(), k.FileName(id)))) }
}

func write(k Kind, entries ...Message) func(*testing.T, *Dir) {
	return func(t *testing.T, d *Dir) { require.NoError(t, d.Write(k, 0, entries...)) }
}

// filtered gives the second thread a seccomp filter.
func filtered(filter *uint32, e *SeccompEntry) func(*testing.T, *Dir) {
	return func(t *testing.T, d *Dir) {
		write(Seccomp, e)(t, d)
		first(Core, rootTid, func(m *CoreEntry) {
			m.ThreadCore.SeccompMode, m.ThreadCore.SeccompFilter = new(SeccompMode_filter), filter
		})(t, d)
	}
}

// tty adds an open terminal.
func tty(infoID uint32, data *TtyDataEntry, infos ...Message) func(*testing.T, *Dir) {
	return func(t *testing.T, d *Dir) {
		change(Files, 0, func(m []*FileEntry) []*FileEntry {
			return append(m, &FileEntry{Type: FdTypes_TTY, Id: 50, Tty: &TtyFileEntry{Id: 50, TtyInfoId: infoID, Fown: &FownEntry{}}})
		})(t, d)
		write(TtyInfo, infos...)(t, d)
		if data != nil {
			write(TtyData, data)(t, d)
		}
	}
}

// Each inconsistency is found, and the error names file and field.
func TestLoadFaults(t *testing.T) {
	const missing = ": no such file or directory"
	for _, c := range []struct {
		damage func(*testing.T, *Dir)
		want   string
	}{
		{remove(Inventory, 0), "inventory.img" + missing},
		{first(Inventory, 0, func(m *InventoryEntry) { m.ImgVersion = 1 }), "inventory.img: img_version: 1: want 2"},

		{remove(Pstree, 0), "pstree.img" + missing},
		{write(Pstree), "pstree.img: no entry"},
		{first(Pstree, 0, func(m *PstreeEntry) { m.Pid = 0 }), "pstree.img: entry 0: pid: 0: out of range"},
		{first(Pstree, 0, func(m *PstreeEntry) { m.Pid = 1 << 30 }), "pstree.img: entry 0: pid: 1073741824: out of range"},
		{change(Pstree, 0, func(m []*PstreeEntry) []*PstreeEntry { return append(m, m[1]) }),
			"pstree.img: entry 3: pid: 9080: there already"},
		{change(Pstree, 0, func(m []*PstreeEntry) []*PstreeEntry { m[2].Ppid = 5; return m }),
			"pstree.img: entry 2: ppid: 5: no such task before it"},
		{change(Pstree, 0, func(m []*PstreeEntry) []*PstreeEntry { m[2].Ppid = m[2].Pid; return m }),
			"pstree.img: entry 2: ppid: 9081: no such task before it"},
		{first(Pstree, 0, func(m *PstreeEntry) { m.Threads[0] = 7 }), "pstree.img: entry 0: threads[0]: 7: not the pid 9078"},
		{first(Pstree, 0, func(m *PstreeEntry) { m.Threads[1] = childPid }), "pstree.img: entry 0: threads[1]: 9080: there already"},
		{first(Pstree, 0, func(m *PstreeEntry) { m.Threads[1] = 0 }), "pstree.img: entry 0: threads[1]: 0: out of range"},
		{first(Pstree, 0, func(m *PstreeEntry) { m.Threads = nil }), "pstree.img: pid 9078: threads: none, for a task that is alive"},

		{remove(Core, rootPid), "core-9078.img" + missing},
		{remove(Core, rootTid), "core-9104.img" + missing},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc = nil }), "core-9078.img: tc: missing"},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc.TaskState = 9 }), "core-9078.img: tc.task_state: 9: unknown"},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc.TaskState = TaskDead }),
			"core-9078.img: tc.task_state: dead, with 2 threads in pstree.img"},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc.Comm = "sixteen letters." }), "core-9078.img: tc.comm: 16 bytes: more than 15"},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc.Sigactions = append(m.Tc.Sigactions, &SaEntry{}, &SaEntry{}, &SaEntry{}) }),
			"core-9078.img: tc.sigactions: 65: more than 64"},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc.Rlimits.Rlimits = make([]*RlimitEntry, 17); fillRlimits(m.Tc.Rlimits) }),
			"core-9078.img: tc.rlimits: 17: more than 16"},
		{first(Core, rootPid, func(m *CoreEntry) { m.Tc.SignalsS = &SignalQueueEntry{Signals: []*SiginfoEntry{{Siginfo: []byte{9}}}} }),
			"core-9078.img: tc.signals_s.signals[0].siginfo: 1 bytes: want 128"},
		{first(Core, rootTid, func(m *CoreEntry) { m.ThreadCore.SignalsP.Signals = []*SiginfoEntry{{}} }),
			"core-9104.img: thread_core.signals_p.signals[0].siginfo: 0 bytes: want 128"},
		{first(Core, rootTid, func(m *CoreEntry) { m.Mtype = CoreEntry_ARM }), "core-9104.img: mtype: ARM: the leader's is X86_64"},
		{first(Core, rootTid, func(m *CoreEntry) { m.ThreadInfo = nil }), "core-9104.img: mtype: X86_64: no registers of it"},
		{first(Core, rootTid, func(m *CoreEntry) { m.ThreadCore = nil }), "core-9104.img: thread_core: missing"},
		{filtered(new(uint32(0)), &SeccompEntry{}), "core-9104.img: thread_core.seccomp_filter: not one of the 0 in seccomp.img"},
		{filtered(nil, &SeccompEntry{}), "core-9104.img: thread_core.seccomp_filter: not one of the 0 in seccomp.img"},
		{filtered(new(uint32(0)), &SeccompEntry{SeccompFilters: []*SeccompFilter{{Filter: make([]byte, 9)}}}),
			"seccomp.img: seccomp_filters[0].filter: 9 bytes: no program"},
		{filtered(new(uint32(0)), &SeccompEntry{SeccompFilters: []*SeccompFilter{{Filter: make([]byte, 8), Prev: new(uint32(0))}}}),
			"seccomp.img: seccomp_filters[0].prev: 0: not one before it"},
		{remove(Ids, rootPid), "ids-9078.img" + missing},

		{remove(Fs, rootPid), "fs-9078.img" + missing},
		{first(Fs, rootPid, func(m *FsEntry) { m.RootId = 99 }), "fs-9078.img: root_id: 99: not in files.img"},

		{remove(Mm, childPid), "mm-9080.img" + missing},
		{first(Mm, rootPid, func(m *MmEntry) { m.ExeFileId = 99 }), "mm-9078.img: exe_file_id: 99: not in files.img"},
		{first(Mm, rootPid, func(m *MmEntry) { m.MmSavedAuxv = make([]uint64, 300) }),
			"mm-9078.img: mm_saved_auxv: 300 words: more than 256"},
		{first(Mm, rootPid, func(m *MmEntry) { m.MmBrk = 1 }), "mm-9078.img: mm_brk: 0x1: below its start 0x3e00e000"},
		{first(Mm, rootPid, func(m *MmEntry) { m.MmEnvEnd = 1 << 60 }), "mm-9078.img: mm_env_end: 0x1000000000000000: beyond 0x100000000000000"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].Start++ }), "mm-9078.img: vmas[1].start: 0x41f001: not on a page boundary"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].End++ }), "mm-9078.img: vmas[1].end: 0x6d2001: not on a page boundary"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[0].End += 4096 }),
			"mm-9078.img: vmas[1].start: 0x41f000: below the end of the area before it, 0x420000"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].End = m.Vmas[1].Start }), "mm-9078.img: vmas[1].end: 0x41f000: not above start 0x41f000"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].End = 1 << 60 }), "mm-9078.img: vmas[1].end: 0x1000000000000000: beyond 0x100000000000000"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].Status |= VmaUnsupported }),
			"mm-9078.img: vmas[1].status: an area that its dumper could not make out"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].Shmid = 1<<32 + 1 }), "mm-9078.img: vmas[1].shmid: 4294967297: not in files.img"},
		{first(Mm, rootPid, func(m *MmEntry) { m.Vmas[1].Pgoff++ }), "mm-9078.img: vmas[1].pgoff: 0x1f001: not on a page boundary"},
		{first(Mm, rootPid, func(m *MmEntry) {
			g := &VmaEntry{Start: 0x2000, End: 0x3000, Status: VmaGuard, Fd: -1}
			m.Vmas = append(m.Vmas, g, g)
		}), "mm-9078.img: vmas[54].start: 0x2000: below the end of the area before it, 0x3000"},

		{remove(Pagemap, rootPid), "pagemap-9078.img" + missing},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { e[0].Vaddr++ }), "pagemap-9078.img: entry 1: vaddr: 0x41f001: not on a page boundary"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { e[1].Vaddr = e[0].Vaddr }),
			"pagemap-9078.img: entry 2: vaddr: 0x41f000: below the end of the entry before it, 0x420000"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { *e[0].NrPages = 0 }), "pagemap-9078.img: entry 1: nr_pages: 0"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { *e[0].NrPages = 1 << 63 }),
			"pagemap-9078.img: entry 1: nr_pages: 9223372036854775808 from 0x41f000: beyond 0x100000000000000"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { *e[0].NrPages = 1 << 45 }),
			"pagemap-9078.img: entry 1: nr_pages: 35184372088832 from 0x41f000: beyond 0x100000000000000"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { e[0].Vaddr = 0x1000 }), "pagemap-9078.img: entry 1: vaddr: 0x1000: in no area"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { *e[0].NrPages++ }), "pages-3.img: 4141056 bytes: pagemap-9078.img says 4145152"},
		{remove(Pages, 3), "pages-3.img: missing: pagemap-9078.img says 4141056 bytes"},
		{runs(Pagemap, rootPid, func(e []*PagemapEntry) { *e[0].Flags = PageParent }),
			"pagemap-9078.img: entry 1: flags: in parent: images DIR: parent" + missing},
		{remove(ShmemPagemap, 6517), "pagemap-shmem-6517.img" + missing},
		{remove(Pages, 1), "pages-1.img: missing: pagemap-shmem-6517.img says 4096 bytes"},

		{remove(Files, 0), "files.img" + missing},
		{first(Files, 0, func(m *FileEntry) { m.Reg = nil }), "files.img: entry 0: type: REG: no description of it"},
		{first(Files, 0, func(m *FileEntry) { m.Type = 77 }), "files.img: entry 0: type: unknown(77): no description of it"},
		{first(Files, 0, func(m *FileEntry) { m.Reg.Id = 2 }), "files.img: entry 0: id: 1: its description says 2"},
		{change(Files, 0, func(m []*FileEntry) []*FileEntry { return append(m, m[0]) }), "files.img: entry 26: id: 1: there already"},
		{remove(MemfdInode, 0), "files.img: entry 7: memfd.inode_id: 1: not in memfd.img"},
		{change(MemfdInode, 0, func(m []*MemfdInodeEntry) []*MemfdInodeEntry { return append(m, m[0]) }),
			"memfd.img: entry 2: inode_id: 1: there already"},
		{tty(3, nil), "files.img: entry 26: tty.tty_info_id: 3: not in tty-info.img"},
		{change(Files, 0, func(m []*FileEntry) []*FileEntry {
			return append(m, &FileEntry{Type: FdTypes_FIFO, Id: 50, Fifo: &FifoEntry{Id: 50, RegfId: new(uint32(13))}})
		}), "files.img: entry 26: fifo.regf_id: 13: no regular file"},
		{tty(3, nil, &TtyInfoEntry{Id: 3}, &TtyInfoEntry{Id: 3}), "tty-info.img: entry 1: id: 3: there already"},
		{tty(3, &TtyDataEntry{TtyId: 4}, &TtyInfoEntry{Id: 3}), "tty-data.img: entry 0: tty_id: 4: not in tty-info.img"},
		{write(RemapFpath, &RemapFilePathEntry{OrigId: 99}), "remap-fpath.img: entry 0: orig_id: 99: not in files.img"},

		{first(Fdinfo, 2, func(m *FdinfoEntry) { m.Fd = 1 << 31 }), "fdinfo-2.img: entry 0: fd: 2147483648: out of range"},
		{first(Fdinfo, 2, func(m *FdinfoEntry) { m.Fd = 1 }), "fdinfo-2.img: entry 1: fd: 1: there already"},
		{first(Fdinfo, 2, func(m *FdinfoEntry) { m.Id = 99 }), "fdinfo-2.img: entry 0: id: 99: not in files.img"},
		{first(Fdinfo, 2, func(m *FdinfoEntry) { m.Type = FdTypes_PIPE }), "fdinfo-2.img: entry 0: type: PIPE: files.img has REG for id 11"},
		{first(FileLocks, 0, func(m *FileLockEntry) { m.Pid = 1 }), "filelocks.img: entry 0: pid: 1: no such task"},
		{first(FileLocks, 0, func(m *FileLockEntry) { m.Fd = 100 }), "filelocks.img: entry 0: fd: 100: task 9078 has no such descriptor"},

		{write(PipesData, &PipeDataEntry{PipeId: 1}), "pipes-data.img: entry 0: pipe_id: 1: not in files.img"},
		{write(PipesData, &PipeDataEntry{PipeId: 1479075}, &PipeDataEntry{PipeId: 1479075}),
			"pipes-data.img: entry 1: pipe_id: 1479075: there already"},
		{write(PipesData, &PipeDataEntry{PipeId: 1479075, Bytes: 1}), "pipes-data.img: 1 bytes after entry 0: file ends too early"},
		{write(SkQueues, &SkPacketEntry{Length: 1 << 31}), "sk-queues.img: 2147483648 bytes after entry 0: file ends too early"},
	} {
		t.Run(c.want, func(t *testing.T) {
			d := copyImages(t)
			c.damage(t, d)
			path := d.path
			d.path = "DIR" // in errors
			defer func() { d.path = path }()
			_, err := Load(d, LoadOptions{PageSize: 4096})
			require.EqualError(t, err, c.want)
		})
	}
}

func fillRlimits(r *TaskRlimitsEntry) {
	for i := range r.Rlimits {
		r.Rlimits[i] = &RlimitEntry{}
	}
}

// A smaller address space is the caller's to say; a page is what the image says, whatever the caller's, and only else the caller's.
func TestLoadOptions(t *testing.T) {
	d := copyImages(t)
	set, err := Load(d, LoadOptions{PageSize: 65536})
	require.NoError(t, err)
	_, err = Load(d, LoadOptions{PageSize: 4096, TaskSize: func(*CoreEntry) uint64 { return 0xffffe000 }})
	require.ErrorContains(t, err, "beyond 0xffffe000")
	mm := set.Tasks[0].Mm
	mm.MmSavedAuxv = nil
	require.NoError(t, d.Write(Mm, set.Tasks[0].Pid(), mm))
	_, err = Load(d, LoadOptions{PageSize: 65536})
	require.ErrorContains(t, err, "not on a page boundary")
}
