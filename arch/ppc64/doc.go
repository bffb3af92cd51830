// Package ppc64 describes the ppc64le ABI. Everything in it is data or pure functions that build on any host, but for the files that
// carry a build tag. It imports nothing of the engine but arch.
package ppc64

//go:generate go run woodfrog/internal/stubgen/cmd ppc64le stub_ppc64le.s ppc64 ppc64leStub zstub.go
