//go:build linux && ppc64le

package host

import (
	"woodfrog/arch"
	"woodfrog/arch/ppc64"
)

// Backend is what tasks on this processor are made of.
func Backend() *arch.Backend { return ppc64.Backend() }
