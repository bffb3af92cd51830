package preflight

// abi: the task's ABI must be one that the engine serves.
func (s *scan) abi(t *subject) {
	abi, program, err := t.proc.ABI(&t.stat, s.ABIs)
	switch {
	case err != nil:
		t.unreadable(err)
	case abi == nil:
		t.add("process", program.String()+": this ABI is not served", "use a program built for "+s.ABIs[0].Name)
	}
}
