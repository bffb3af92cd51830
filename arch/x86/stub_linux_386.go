//go:build linux && 386

package x86

// stub is never called: its bytes are what zstub_i386.go holds.
func stub()
