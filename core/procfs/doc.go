// Package procfs reads /proc: pure parsers of what the kernel writes, ParseMaps and its like, and Task, which reads the files of one task
// by openat from one directory descriptor into buffers that grow and are used again. No result points into a buffer.
//
// Sizes are in bytes, addresses and masks are 64 bits wide whatever the task's ABI. What a kernel may lack is a Maybe or nil. Lines and
// keys that are not known are skipped, known ones that are malformed are an error that names the file, the line and the field.
//
// It imports arch, internal/buffers, internal/fds and golang.org/x/sys/unix only, and never ptrace.
package procfs
