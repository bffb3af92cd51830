//go:build linux && amd64

package host

import (
	"woodfrog/arch"
	"woodfrog/arch/x86"
)

// Backend is what tasks on this processor are made of.
func Backend() *arch.Backend { return x86.Backend() }
