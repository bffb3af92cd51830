// Package compat has the rules for tasks whose words have 32 bits on kernels whose words have 64: what of a task the kernel shows or
// takes in its own words, and how that becomes the task's. For an ABI that is not of that kind all functions here return what they
// are given. It imports nothing of the engine but arch.
package compat

import "woodfrog/arch"

// KernelWords is a list of the task's words as it is in the kernel's memory and in CRIU's images, two in each: the auxiliary vector.
func KernelWords(abi *arch.ABI, words []uint64) []uint64 {
	if !abi.Compat || abi.OwnImages {
		return words
	}
	all := make([]uint64, (len(words)+1)/2)
	for i, w := range words {
		all[i/2] |= w & (1<<32 - 1) << (32 * (i % 2))
	}
	return all
}

// TaskWords is the reverse of KernelWords.
func TaskWords(abi *arch.ABI, words []uint64) []uint64 {
	if !abi.Compat || abi.OwnImages {
		return words
	}
	all := make([]uint64, 0, 2*len(words))
	for _, w := range words {
		all = append(all, w&(1<<32-1), w>>32)
	}
	return all
}
