package kerndat

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
)

// TaskSize is where the address space of tasks of abi ends under this kernel: kernels are built with fewer address bits than the ABI has,
// such as 47 or 39 on arm64 (CONFIG_ARM64_VA_BITS).
func TaskSize(abi *arch.ABI) uint64 {
	const atExecfn = 31 // AT_EXECFN: with the other strings, above the stack
	auxv, _ := unix.Auxv()
	for _, v := range auxv {
		if v[0] == atExecfn {
			return taskSize(abi.TaskSize, uint64(v[1]))
		}
	}
	return abi.TaskSize
}

// taskSize rounds an address of a stack up, which is at the end of the address space but for what randomises it.
func taskSize(most, stack uint64) uint64 { return min(most, 1<<bits.Len64(stack)) }
