package core

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"woodfrog/arch"
	"woodfrog/core/preflight"
	"woodfrog/internal/fds"
)

// Plan prints what Restore would do with the images: the files that the engine would open, and for each task and thread its
// program, one system call a line. Nothing is made but descriptors of this process, which are closed again.
func Plan(ctx context.Context, w io.Writer, b *arch.Backend, o Options) (err error) {
	defer fds.Flush()
	onTracer(false, func() func() { err = printPlan(ctx, w, b, o.filled()); return nil })
	return err
}

func printPlan(ctx context.Context, w io.Writer, b *arch.Backend, o Options) (err error) {
	r := &restore{ctx: ctx, backend: b, o: &o, mapped: map[mapKey]int{}, planOnly: true}
	r.facts.ABI, r.facts.Compat = b.Native(), b.Compat()
	if r.fault, err = parseFault(o.Fault, restoring); err != nil {
		return err
	}
	if r.dir, err = preflight.OpenImages(o.ImagesDir); err != nil {
		return err
	}
	defer r.close()
	if err := runStages(ctx, r.o, nil, nil, r.stages()[:4]); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	r.printFiles(out)
	for i, tp := range r.tree.Programs {
		if tp.Helper {
			fmt.Fprintf(out, "\ntask %d, for the time of the restore\n", tp.Pid)
		} else {
			fmt.Fprintf(out, "\ntask %d\n", tp.Pid)
		}
		fmt.Fprint(out, r.programs[i])
		for _, m := range r.made {
			if m.task.pid() == tp.Pid && !m.leader {
				fmt.Fprintf(out, "\ntask %d: thread %d\n%s", tp.Pid, m.tid, m.prog)
			}
		}
	}
	return out.Flush()
}

// printFiles lists the descriptors that the tasks inherit. Names come from the images: none reaches a terminal raw.
func (r *restore) printFiles(w io.Writer) {
	fmt.Fprintln(w, "descriptors that the tasks inherit")
	ids := make([]uint32, 0, len(r.fds.files))
	for id := range r.fds.files {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint32) int { return r.fds.files[a] - r.fds.files[b] })
	for _, id := range ids {
		fd := r.fds.files[id]
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			name = err.Error()
		}
		fmt.Fprintf(w, "%3d  file %#x %q\n", fd, id, name)
	}
}
