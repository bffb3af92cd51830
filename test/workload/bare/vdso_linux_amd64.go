//go:build linux && amd64

package main

func vcall(fn, a, b, c, d, e uintptr) uintptr
