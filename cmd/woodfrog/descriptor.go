package main

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// descriptor is an inherited file descriptor to write to. Unlike os.Stdout it does not end the program when nobody reads
// (os.File raises SIGPIPE then): an engine that holds tasks must not die of its log. Taking that signal over by os/signal
// would do, too, at ten system calls of each start.
type descriptor int

func (d descriptor) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := unix.Write(int(d), b[written:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN): // someone made it non-blocking, for himself as he thought
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(d), Events: unix.POLLOUT}}, -1)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return written, err
			}
		case err != nil:
			return written, err
		case n == 0:
			return written, io.ErrShortWrite
		default:
			written += n
		}
	}
	return written, nil
}

// isTerminal says whether w is a descriptor of a terminal.
func isTerminal(w io.Writer) bool {
	d, ok := w.(descriptor)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(d), unix.TCGETS)
	return err == nil
}
