package procfs

// Maybe is a value that not every kernel, configuration or task has.
type Maybe[T any] struct {
	Value   T
	Present bool
}

// Some is a value that is there.
func Some[T any](v T) Maybe[T] { return Maybe[T]{v, true} }
