package core

import (
	"context"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/preflight"
)

// Preflight returns what keeps Dump from dumping the tree of pid, all of it at once as Obstacles; nil when nothing that can be seen of
// running tasks does. Dump begins with it. The tasks are not touched.
func Preflight(ctx context.Context, b *arch.Backend, pid int, o Options) error {
	o = o.filled()
	return preflight.Dump(ctx, preflight.DumpOptions{
		Pid: pid, ABIs: b.ABIs, ImagesDir: o.ImagesDir, ShellJob: o.ShellJob, FileLocks: o.FileLocks,
		Facts: &kerndat.Facts{}, Log: o.Log,
	})
}
