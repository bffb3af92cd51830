// Package core is the engine: Dump writes a tree of tasks into image files, Restore makes it again from them, Check says
// what the kernel can do for either. It imports no concrete architecture; the caller passes the backend in.
package core
