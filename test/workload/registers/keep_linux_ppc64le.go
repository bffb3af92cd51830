//go:build linux && ppc64le

package main

const vectorWords = 64 * 2 // VS0-VS63, which are F0-F31 and V0-V31 as well

// keepMore is keep for registers that only some processors have.
func keepMore() func() error { return func() error { return nil } }
