//go:build linux && amd64

// Package host picks the backend of the processor that the binary is built for: the only selection by GOARCH. A new
// architecture adds a file here. It imports the packages below arch and is imported by cmd only.
package host

import (
	"woodfrog/arch"
	"woodfrog/arch/x86"
)

// Backend is what tasks on this processor are made of.
func Backend() *arch.Backend { return x86.Backend() }
