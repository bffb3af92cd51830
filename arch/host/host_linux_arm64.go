//go:build linux && arm64

package host

import (
	"woodfrog/arch"
	"woodfrog/arch/aarch64"
)

// Backend is what tasks on this processor are made of.
func Backend() *arch.Backend { return aarch64.Backend() }
