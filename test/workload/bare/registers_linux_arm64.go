//go:build linux && arm64

package main

const vectorCount = 32

// vectorSize is 16.
func vectorSize() uintptr

// setControl chooses a rounding mode that is not the default.
func setControl()

// keep loads the vector registers of size bytes from in, gives all general registers values of their own, counts loops down
// and stores the vector registers to out. It returns 0 if all others are what they were.
func keep(size, loops, in, out uintptr) uintptr
