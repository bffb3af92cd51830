package file

import (
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// place is where a task is in the file system (struct fs_struct): working directory, root and umask, which several may share.
type place struct {
	id    uint32
	task  *task.Task
	key   placeKey
	entry *image.FsEntry
}

type placeKey struct {
	cwd, root string
	umask     uint32
}

func comparePlaces(a, b *place) (int, error) {
	return linux.Kcmp(a.task.Pid, b.task.Pid, linux.KcmpFS, 0, 0)
}

// Fs returns the entry of the working directory, root and umask of t, and an id that it shares with tasks that share them.
func (tb *Table) Fs(t *task.Task) (*image.FsEntry, uint32, error) {
	var k placeKey
	var err error
	if k.cwd, err = t.Proc.Link("cwd"); err != nil {
		return nil, 0, err
	}
	if k.root, err = t.Proc.Link("root"); err != nil {
		return nil, 0, err
	}
	k.umask = t.Status.Umask.Value
	alike := tb.places[k]
	if alike == nil {
		alike = &sorted[*place]{compare: comparePlaces}
		tb.places[k] = alike
	}
	p := &place{task: t, key: k}
	found, err := alike.insert(p)
	if err != nil {
		return nil, 0, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	tb.at[t] = found
	if found != p {
		return found.entry, found.id, nil
	}
	tb.placeIDs++
	p.id = tb.placeIDs
	p.entry = &image.FsEntry{}
	if t.Status.Umask.Present {
		p.entry.Umask = &k.umask
	}
	if p.entry.CwdId, err = tb.link(t, "cwd", k.cwd, unix.O_RDONLY); err != nil {
		return nil, 0, err
	}
	p.entry.RootId, err = tb.link(t, "root", k.root, unix.O_RDONLY)
	return p.entry, p.id, err
}
