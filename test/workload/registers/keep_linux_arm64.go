//go:build linux && arm64

package main

const vectorWords = 32 * 2 // V0-V31
