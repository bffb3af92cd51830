package image

import (
	"errors"
	"fmt"
	"strconv"
)

// maxDepth bounds messages inside messages: cgroup directories nest, and nothing else does beyond a few levels.
const maxDepth = 100

var (
	errMissing = errors.New("missing")
	errDepth   = errors.New("nested too deeply")
)

// fieldError is an error at a path of field names inside a message.
type fieldError struct {
	path string
	err  error
}

func (e *fieldError) Error() string { return e.path + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// atField puts the name of a field in front of err's path.
func atField(name string, err error) error { return prefix(name, ".", err) }

// atIndex puts the place in a repeated field in front of err's path.
func atIndex(i int, err error) error { return prefix("["+strconv.Itoa(i)+"]", ".", err) }

func prefix(head, sep string, err error) error {
	fe, ok := err.(*fieldError)
	if !ok {
		return &fieldError{head, err}
	}
	if fe.path[0] == '[' {
		sep = ""
	}
	fe.path = head + sep + fe.path
	return fe
}

func unknownEnum(n int32) string { return fmt.Sprintf("unknown(%d)", n) }
