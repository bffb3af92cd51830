//go:build linux && amd64

package main

const vectorCount = 16

// vectorSize is 32 where the processor and the kernel have AVX, else 16.
func vectorSize() uintptr

// setControl chooses rounding modes that are not the default.
func setControl()

// keep loads the vector registers of size bytes from in, gives all general registers values of their own, counts loops down
// and stores the vector registers to out. It returns 0 if all others are what they were.
func keep(size, loops, in, out uintptr) uintptr
