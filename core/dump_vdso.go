package core

import (
	"woodfrog/arch"
	"woodfrog/core/task"
)

// vdsoKernel is what the search for the vDSO of tasks of an ABI needs to know of the kernel, for the faults of Options.Fault too.
func (d *dump) vdsoKernel(abi *arch.ABI) (*task.VDSOKernel, error) {
	if k := d.vdsos[abi]; k != nil {
		return k, nil
	}
	_, unnamed := d.fault.vdso("hint")
	_, hidden := d.fault.vdso("no-pagemap")
	k, err := task.NewVDSOKernel(&d.facts, abi, unnamed || hidden, hidden, func(t *task.Task, text string) {
		d.o.Log.Warn("vdso", "pid", t.Pid, "note", text)
	})
	d.vdsos[abi] = k
	return k, err
}
