//go:build linux && amd64

package x86

// stub is never called: its bytes are what zstub_x86_64.go holds.
func stub()
