//go:build linux && amd64

package main

func vcall(fn, a, b, c, d, e uintptr) uintptr
func holder()
func holderAddress() uintptr

const ucontextPC = 40 + 16*8 // uc_mcontext.gregs[REG_RIP]
