// Package image reads, writes and checks CRIU's image files: the messages, their protobuf encoding, the file layout, and
// the translation of register sets. The messages are structs of its own with go-criu's names, because importing go-criu's
// costs every process start 1.5 ms. Image files are untrusted: sizes are checked before use and errors name file and field.
// It makes no system calls but those that read and write the files. Of the engine it imports arch, internal/buffers, internal/fds and internal/parallel.
package image

//go:generate go run ./internal/gen zmessages.go ztables.go zmessages_test.go
