package core

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/mem"
	"woodfrog/core/task"
	"woodfrog/core/tree"
)

// loaded is a whole image, read before any process exists.
type loaded struct {
	dir       *image.Dir
	inventory *image.InventoryEntry
	tasks     []*loadedTask // in the order of the image: parents first
	files     map[uint32]*image.FileEntry
	seccomp   []*image.SeccompFilter
}

// loadedTask is a task of the image.
type loadedTask struct {
	ps      *image.PstreeEntry
	core    *image.CoreEntry
	threads []*loadedThread // the leader first
	mm      *image.MmEntry
	fds     []*image.FdinfoEntry
	fs      *image.FsEntry
	ids     *image.TaskKobjIdsEntry
	pages   *image.PageRuns
	space   *mem.Space // planned
	pagesFd int        // descriptor of the pages file in the tasks
	revival *task.Revival
	after   []tree.Step // what the leader does when the tree is complete
}

// loadedThread is a thread of the image.
type loadedThread struct {
	tid  int
	core *image.CoreEntry
	rest *image.XstateEntry
}

func (t *loadedTask) pid() int { return int(t.ps.Pid) }

func (t *loadedTask) zombie() bool { return t.core.Tc.TaskState == 2 }

func load(dir *image.Dir) (*loaded, error) {
	l := &loaded{dir: dir, files: map[uint32]*image.FileEntry{}}
	var err error
	if l.inventory, err = image.ReadOne[image.InventoryEntry](dir, image.Inventory, 0); err != nil {
		return nil, err
	}
	files, err := image.ReadAll[image.FileEntry](dir, image.Files, 0)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		l.files[f.Id] = f
	}
	filters, err := image.ReadOne[image.SeccompEntry](dir, image.Seccomp, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if filters != nil {
		l.seccomp = filters.SeccompFilters
	}
	tree, err := image.ReadAll[image.PstreeEntry](dir, image.Pstree, 0)
	if err != nil {
		return nil, err
	}
	for _, ps := range tree {
		t, err := l.loadTask(ps)
		if err != nil {
			return nil, err
		}
		l.tasks = append(l.tasks, t)
	}
	if len(l.tasks) == 0 {
		return nil, errors.New("pstree.img: no tasks")
	}
	return l, nil
}

func (l *loaded) loadTask(ps *image.PstreeEntry) (*loadedTask, error) {
	t := &loadedTask{ps: ps}
	pid := int(ps.Pid)
	var err error
	if t.core, err = image.ReadOne[image.CoreEntry](l.dir, image.Core, pid); err != nil {
		return nil, err
	}
	if t.core.Tc == nil {
		return nil, fmt.Errorf("core-%d.img: tc: missing", pid)
	}
	if t.zombie() {
		return t, nil
	}
	for _, tid := range ps.Threads {
		th := &loadedThread{tid: int(tid), core: t.core}
		if tid != ps.Pid {
			if th.core, err = image.ReadOne[image.CoreEntry](l.dir, image.Core, int(tid)); err != nil {
				return nil, err
			}
		}
		if th.rest, err = image.ReadOne[image.XstateEntry](l.dir, image.Xstate, int(tid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		t.threads = append(t.threads, th)
	}
	if t.ids, err = image.ReadOne[image.TaskKobjIdsEntry](l.dir, image.Ids, pid); err != nil {
		return nil, err
	}
	if t.mm, err = image.ReadOne[image.MmEntry](l.dir, image.Mm, pid); err != nil {
		return nil, err
	}
	if t.fds, err = image.ReadAll[image.FdinfoEntry](l.dir, image.Fdinfo, int(t.ids.FilesId)); err != nil {
		return nil, err
	}
	if t.fs, err = image.ReadOne[image.FsEntry](l.dir, image.Fs, pid); err != nil {
		return nil, err
	}
	t.pages, err = image.ReadPagemap(l.dir, image.Pagemap, pid, uint64(unix.Getpagesize()), 1<<63)
	return t, err
}
