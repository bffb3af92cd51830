package image

import (
	"fmt"
	"io"
)

// ReadOne reads a file that holds one message. A file that is not there is an error that is fs.ErrNotExist.
func ReadOne[T any, M messageOf[T]](d *Dir, k Kind, id int) (*T, error) {
	r, err := d.Open(k, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	m := new(T)
	if err := r.Next(M(m)); err == io.EOF {
		return nil, fmt.Errorf("%s: no entry", r.name)
	} else if err != nil {
		return nil, err
	}
	if n := r.left(); n != 0 {
		return nil, fmt.Errorf("%s: %d bytes after the only entry", r.name, n)
	}
	return m, nil
}

// ReadAll reads a file of any number of messages of one type.
func ReadAll[T any, M messageOf[T]](d *Dir, k Kind, id int) ([]*T, error) {
	r, err := d.Open(k, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return Rest[T, M](r)
}

// Rest reads the messages up to the end of the file.
func Rest[T any, M messageOf[T]](r *Reader) ([]*T, error) {
	var all []*T
	for {
		m := new(T)
		switch err := r.Next(M(m)); err {
		case nil:
			all = append(all, m)
		case io.EOF:
			return all, nil
		default:
			return nil, err
		}
	}
}
