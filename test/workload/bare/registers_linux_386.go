//go:build linux && 386

package main

const vectorCount = 8

// vectorSize is that of the registers that keep looks at.
func vectorSize() uintptr { return 16 }

// setControl chooses rounding modes that are not the default.
func setControl()

// keep loads the vector registers of size bytes from in, gives all general registers values of their own, counts loops down
// and stores the vector registers to out. It returns 0 if all others are what they were.
func keep(size, loops, in, out uintptr) uintptr
