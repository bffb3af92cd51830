package image

import (
	"errors"
	"io"
	"io/fs"
)

// PipeData says where the bytes in a pipe are: Entry.Bytes of them at Off of the file.
type PipeData struct {
	Entry *PipeDataEntry
	Off   int64
}

// SkPacket says where a packet in a socket's queue is: Entry.Length bytes at Off of the file SkQueues.
type SkPacket struct {
	Entry *SkPacketEntry
	Off   int64
}

// pipes reads what was in pipes and fifos.
func (l *loader) pipes() (err error) {
	if l.Pipes, err = l.pipeData(PipesData); err != nil {
		return err
	}
	l.Fifos, err = l.pipeData(FifoData)
	return err
}

func (l *loader) pipeData(k Kind) (map[uint32]*PipeData, error) {
	data := map[uint32]*PipeData{}
	if k == PipesData && !l.has[FdTypes_PIPE] || k == FifoData && !l.has[FdTypes_FIFO] {
		return data, nil
	}
	known := map[uint32]bool{}
	for _, f := range l.Files {
		switch {
		case f.Type == FdTypes_PIPE && k == PipesData:
			known[f.Pipe.PipeId] = true
		case f.Type == FdTypes_FIFO && k == FifoData:
			known[f.Fifo.PipeId] = true
		}
	}
	err := eachPayload(l.d, k, func(i int, e *PipeDataEntry, off int64) (int64, error) {
		if !known[e.PipeId] {
			return 0, fault(k, 0, "entry %d: pipe_id: %d: not in %s", i, e.PipeId, Files)
		}
		if data[e.PipeId] != nil {
			return 0, fault(k, 0, "entry %d: pipe_id: %d: there already", i, e.PipeId)
		}
		data[e.PipeId] = &PipeData{e, off}
		return int64(e.Bytes), nil
	})
	return data, err
}

func (l *loader) skQueues() error {
	if !l.has[FdTypes_UNIXSK] && !l.has[FdTypes_INETSK] && !l.has[FdTypes_NETLINKSK] && !l.has[FdTypes_PACKETSK] {
		return nil
	}
	return eachPayload(l.d, SkQueues, func(_ int, e *SkPacketEntry, off int64) (int64, error) {
		l.SkQueues = append(l.SkQueues, &SkPacket{e, off})
		return int64(e.Length), nil
	})
}

// eachPayload calls f for each message of a file, with the offset of what follows it; f returns how much that is. A file
// that is not there has none.
func eachPayload[T any, M messageOf[T]](d *Dir, k Kind, f func(i int, e *T, off int64) (int64, error)) error {
	r, err := d.Open(k, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	for i := 0; ; i++ {
		e := new(T)
		if err := r.Next(M(e)); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		off, _ := r.Offset()
		n, err := f(i, e, off)
		if err != nil {
			return err
		}
		if err := r.Skip(n); err != nil {
			return err
		}
	}
}
