//go:build linux && arm

package arm

// stub is never called: its bytes are what zstub.go holds.
func stub()
