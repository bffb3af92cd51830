//go:build linux && arm64

package aarch64

// stub is never called: its bytes are what zstub.go holds.
func stub()
