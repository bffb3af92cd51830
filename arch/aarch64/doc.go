// Package aarch64 describes the aarch64 ABI. Everything in it is data or pure functions that build on any host, but for the files that
// carry a build tag. It imports nothing of the engine but arch.
package aarch64

//go:generate go run woodfrog/internal/stubgen/cmd arm64 stub_arm64.s aarch64 aarch64Stub zstub.go
