package file

import (
	"fmt"

	"woodfrog/core/procfs"
)

// holds notes the locks that a table of descriptors has through descriptor fd.
func (tb *Table) holds(table *fdTable, d *description, fd int, locks []procfs.Lock) error {
	for _, l := range locks {
		return fmt.Errorf("%s: has a lock (%s %s): not served yet", d.Link, l.Kind, l.Type)
	}
	return nil
}
