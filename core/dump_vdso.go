package core

import "woodfrog/core/task"

// vdsoKernel is what the search for the tasks' vDSO needs to know of the kernel, for the faults of Options.Fault too.
func (d *dump) vdsoKernel() (*task.VDSOKernel, error) {
	_, unnamed := d.fault.vdso("hint")
	_, hidden := d.fault.vdso("no-pagemap")
	return task.NewVDSOKernel(&d.facts, d.backend.Native(), unnamed || hidden, hidden, func(t *task.Task, text string) {
		d.o.Log.Warn("vdso", "pid", t.Pid, "note", text)
	})
}
