//go:build linux && ppc64le

package ppc64

// stub is never called: its bytes are what zstub.go holds.
func stub()
