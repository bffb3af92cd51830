//go:build linux && !amd64

package main

// restorerAddress: the kernel's own code is used.
func restorerAddress() uintptr { return 0 }
