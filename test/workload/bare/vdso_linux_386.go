//go:build linux && 386

package main

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr

const ucontextPC = 14 * 4 // of struct sigcontext_32, ip: it is what a handler without SA_SIGINFO finds behind its signal
