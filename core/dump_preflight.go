package core

import (
	"context"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/preflight"
	"woodfrog/internal/fds"
)

// Preflight returns what keeps Dump from dumping the tree of pid, all of it at once as Obstacles; nil when nothing that can be seen of
// running tasks does. Dump begins with it. The tasks are not touched.
func Preflight(ctx context.Context, b *arch.Backend, pid int, o Options) error {
	defer fds.Flush()
	var facts kerndat.Facts
	defer facts.Save()
	return preflightDump(ctx, b, pid, o.filled(), &facts)
}

func preflightDump(ctx context.Context, b *arch.Backend, pid int, o Options, facts *kerndat.Facts) error {
	return preflight.Dump(ctx, preflight.DumpOptions{
		Pid: pid, ABIs: b.ABIs, ImagesDir: o.ImagesDir, ShellJob: o.ShellJob, FileLocks: o.FileLocks,
		Facts: facts, Log: o.Log,
	})
}
