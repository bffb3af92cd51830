package file

import (
	"woodfrog/core/image"
	"woodfrog/core/task"
)

// Finish completes the entries with what tasks have answered, and writes what belongs to descriptors: their tables and the contents
// of files that have no path.
func (tb *Table) Finish(dir *image.Dir, tree *task.Tree) error {
	if err := tb.owners(tree); err != nil {
		return err
	}
	if err := tb.writeLocks(dir, tree); err != nil {
		return err
	}
	if err := tb.writeTtys(dir, tree); err != nil {
		return err
	}
	if err := tb.targets(); err != nil {
		return err
	}
	if err := tb.streams(dir, image.PipesData, false); err != nil {
		return err
	}
	if err := tb.streams(dir, image.FifoData, true); err != nil {
		return err
	}
	written := uint32(0)
	for _, t := range tree.Tasks {
		if table := tb.of[t]; table != nil && table.id > written {
			if err := image.WriteAll(dir, image.Fdinfo, int(table.id), table.fds); err != nil {
				return err
			}
			written = table.id
		}
	}
	return nil
}

// Write writes the list of all files, those that memory and working directories brought among them.
func (tb *Table) Write(dir *image.Dir) error {
	return image.WriteAll(dir, image.Files, 0, tb.Entries)
}

// FilesID is the id of the descriptor table of t, as in fdinfo-ID.img.
func (tb *Table) FilesID(t *task.Task) uint32 { return tb.of[t].id }
