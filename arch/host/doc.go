// Package host picks the backend of the processor that the binary is built for: the only selection by GOARCH. A new
// architecture adds a file here. It imports the packages below arch and is imported by cmd, and
// by programs that use core as a library.
package host
