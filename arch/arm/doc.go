// Package arm describes the arm ABI. Everything in it is data or pure functions that build on any host, but for the files that
// carry a build tag. It imports nothing of the engine but arch.
package arm

//go:generate go run woodfrog/internal/stubgen/cmd arm stub_arm.s arm armStub zstub.go
