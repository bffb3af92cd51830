//go:build linux && arm

package main

const vectorCount = 8 // by four, D0 to D31

// vectorSize is that of the registers that keep looks at.
func vectorSize() uintptr { return 32 }

// setControl chooses a rounding mode that is not the default.
func setControl()

// keep loads the vector registers of size bytes from in, gives all general registers values of their own, counts loops down
// and stores the vector registers to out. It returns 0 if all others are what they were.
func keep(size, loops, in, out uintptr) uintptr
