// Package buffers lends memory that is needed for a moment, again and again: for each file, task or thread. It imports nothing of ours.
package buffers

import (
	"slices"
	"sync"
)

var pool = sync.Pool{New: func() any { return new([]byte) }}

// Get returns a buffer of n bytes, whatever is in them. Who has it may put a larger one in its place.
func Get(n int) *[]byte {
	b := pool.Get().(*[]byte)
	*b = slices.Grow((*b)[:0], n)[:n]
	return b
}

// Put takes a buffer back, of which nothing may be used any more.
func Put(b *[]byte) { pool.Put(b) }
