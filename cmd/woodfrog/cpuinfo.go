package main

import (
	"woodfrog/arch/host"
	"woodfrog/core"
)

// cpuinfo writes what the processor can do into an image file, or compares it with that.
func cpuinfo(s *settings, std streams) int {
	se, ok := begin(cmdCPUInfo, s, std)
	if !ok {
		return exitFailure
	}
	if s.operands[0] == "dump" {
		return se.end(core.DumpCPU(host.Backend(), s.core))
	}
	return se.end(core.CheckCPU(host.Backend(), s.core))
}
