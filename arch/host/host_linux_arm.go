//go:build linux && arm

package host

import (
	"woodfrog/arch"
	"woodfrog/arch/arm"
)

// Backend is what tasks on this processor are made of.
func Backend() *arch.Backend { return arm.Backend() }
