package file

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
	"woodfrog/internal/parallel"
)

// sorted holds things of which kcmp(2) tells the order, so that each further one takes a logarithm of comparisons.
type sorted[T any] struct {
	items   []T
	compare func(a, b T) (int, error)
}

// insert adds x and returns it, or what equals it and is there already.
func (s *sorted[T]) insert(x T) (T, error) {
	lo, hi := 0, len(s.items)
	for lo < hi {
		mid := (lo + hi) / 2
		order, err := s.compare(x, s.items[mid])
		switch {
		case err != nil:
			return x, fmt.Errorf("kcmp: %w", err)
		case order == kcmpEqual:
			return s.items[mid], nil
		case order == kcmpLess:
			hi = mid
		case order == kcmpGreater:
			lo = mid + 1
		default:
			return x, fmt.Errorf("kcmp: %d: no order", order)
		}
	}
	s.items = append(s.items, x)
	copy(s.items[lo+1:], s.items[lo:])
	s.items[lo] = x
	return x, nil
}

// What kcmp(2) returns.
const (
	kcmpEqual   = 0
	kcmpLess    = 1
	kcmpGreater = 2
)

func compareFiles(a, b *description) (int, error) {
	return linux.KcmpFile(a.Task.Pid, b.Task.Pid, a.Fd, b.Fd)
}

// fdTable is a table of descriptors (struct files_struct), of one task or shared by several.
type fdTable struct {
	id   uint32
	task *task.Task // by which it was met
	fds  []*image.FdinfoEntry
}

func compareTables(a, b *fdTable) (int, error) {
	return linux.Kcmp(a.task.Pid, b.task.Pid, linux.KcmpFiles, 0, 0)
}

// Collect dumps the descriptor tables of tasks, each once. What only a task can tell of its own it leaves to Further.
func (tb *Table) Collect(tasks []*task.Task) error {
	lists := make([][]int, len(tasks))
	err := parallel.Do(len(tasks), task.FewTasks, func(i int) (err error) {
		if lists[i], err = tasks[i].Proc.Fds(); err == nil {
			err = sharesAll(tasks[i])
		}
		return err
	})
	if err != nil {
		return err
	}
	var own []*fdTable
	var fds [][]int
	for i, t := range tasks {
		table, known, err := tb.table(t, lists[i])
		if err != nil {
			return fmt.Errorf("task %d: %w", t.Pid, err)
		}
		if tb.of[t] = table; !known {
			own, fds = append(own, table), append(fds, lists[i])
		}
	}
	held := make([][]*Descriptor, len(own))
	err = parallel.Do(len(own), task.FewTasks, func(i int) (err error) {
		if held[i], err = descriptors(own[i].task, fds[i]); err != nil {
			err = fmt.Errorf("task %d: %w", own[i].task.Pid, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, table := range own {
		known := len(tb.descriptions)
		for _, d := range held[i] {
			if err := tb.descriptor(table, d); err != nil {
				return fmt.Errorf("task %d: fd %d: %w", table.task.Pid, d.Fd, err)
			}
		}
		table.task.Further = tb.questions(known)
	}
	return nil
}

// table is the descriptor table of t, which has those descriptors, and whether another task that has the same was there before.
func (tb *Table) table(t *task.Task, fds []int) (table *fdTable, known bool, err error) {
	numbers := make([]byte, 0, 4*len(fds))
	for _, fd := range fds {
		numbers = binary.LittleEndian.AppendUint32(numbers, uint32(fd))
	}
	alike := tb.tables[string(numbers)]
	if alike == nil {
		alike = &sorted[*fdTable]{compare: compareTables}
		tb.tables[string(numbers)] = alike
	}
	mine := &fdTable{task: t}
	if table, err = alike.insert(mine); err != nil || table != mine {
		return table, true, err
	}
	tb.ids++
	mine.id = tb.ids
	return mine, false, nil
}

// sharesAll refuses threads with files or a working directory of their own: unshare(2) and clone(2) can do that.
func sharesAll(t *task.Task) error {
	const few = 64 // two calls each
	return parallel.Do(len(t.Threads)-1, few, func(i int) error { return shares(t, t.Threads[i+1]) })
}

func shares(t *task.Task, th *task.Thread) error {
	for _, r := range []struct {
		typ  int
		name string
	}{{linux.KcmpFiles, "descriptors"}, {linux.KcmpFS, "working directory, root and umask"}} {
		order, err := linux.Kcmp(t.Pid, th.Tid, r.typ, 0, 0)
		if err != nil && err != unix.ESRCH {
			return fmt.Errorf("task %d: thread %d: kcmp: %w", t.Pid, th.Tid, err)
		}
		if err == nil && order != kcmpEqual {
			return fmt.Errorf("task %d: thread %d: has %s of its own: not served yet", t.Pid, th.Tid, r.name)
		}
	}
	return nil
}

// CheckShares refuses what no restore makes again: tables, and places in the file system, that a task has in common with others but not
// by birth, from its parent.
func (tb *Table) CheckShares(tree *task.Tree) error {
	files, places := map[*fdTable]*task.Task{}, map[*place]*task.Task{}
	for _, t := range tree.Tasks {
		if t.Zombie() {
			continue
		}
		if first := files[tb.of[t]]; first == nil {
			files[tb.of[t]] = t
		} else if t.Parent == nil || tb.of[t.Parent] != tb.of[t] {
			return fmt.Errorf("task %d: shares its descriptors with task %d, but not with its parent: not served yet", t.Pid, first.Pid)
		}
		if first := places[tb.at[t]]; first == nil {
			places[tb.at[t]] = t
		} else if t.Parent == nil || tb.at[t.Parent] != tb.at[t] {
			return fmt.Errorf("task %d: shares its working directory with task %d, but not with its parent: not served yet", t.Pid, first.Pid)
		}
	}
	return tb.checkLater(tree.Tasks, tree.Holds)
}

// checkLater refuses what Placer.checkLater does. The preflight has looked for it in a tree that ran on.
func (tb *Table) checkLater(tasks []*task.Task, holds func(tid int) bool) error {
	later := func(path string) bool {
		tid, ok := TaskOf(path)
		return ok && holds(tid)
	}
	for _, t := range tasks {
		if t.Zombie() {
			continue
		}
		for _, e := range tb.of[t].fds {
			if d := tb.descriptionOf[e.Id]; d.firstTable != tb.of[t] && later(d.Link) {
				return fmt.Errorf("task %d: fd %d: %s: shared with task %d: not served yet", t.Pid, e.Fd, d.Link, d.first.Task.Pid)
			}
		}
		for _, dir := range []string{tb.at[t].key.cwd, tb.at[t].key.root} {
			if later(dir) {
				return fmt.Errorf("task %d: its working directory or root, %s, is of a task of the tree: not served yet", t.Pid, dir)
			}
		}
	}
	return nil
}
