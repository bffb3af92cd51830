package core

import (
	"woodfrog/core/image"
	"woodfrog/core/preflight"
	"woodfrog/core/procfs"
	"woodfrog/internal/linux"
)

func (d *dump) preflight() error {
	err := preflight.Dump(d.ctx, preflight.DumpOptions{
		Pid: d.pid, ABIs: d.backend.ABIs, ImagesDir: d.o.ImagesDir, ShellJob: d.o.ShellJob, FileLocks: d.o.FileLocks,
		Ends: !d.o.LeaveRunning && !d.o.LeaveStopped, Facts: &d.facts, Log: d.o.Log,
	})
	if err != nil {
		return err
	}
	if d.dir, err = image.OpenDir(d.o.ImagesDir); err != nil {
		return err
	}
	d.dir.Full, d.dir.Sync = d.fault.file, d.o.Fsync
	status, err := procfs.Self(linux.Pid()).Status()
	d.cpus = status.CPUs
	return err
}
