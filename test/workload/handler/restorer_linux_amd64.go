//go:build linux && amd64

package main

// restorerAddress is the code that a handler returns to: this processor's kernels have none of their own.
func restorerAddress() uintptr
