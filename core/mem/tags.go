package mem

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
	"woodfrog/internal/linux"
)

// Tags of memory under PROT_MTE belong to physical memory, four bits for 16 bytes, and are told by ptrace alone
// (Documentation/arch/arm64/memory-tagging-extension.rst).

const granule = 16 // MTE_GRANULE_SIZE

// tagChunk is how many tags are read or written at a time.
const tagChunk = 64 << 10

// Tagged says whether an area has tags.
func Tagged(m *procfs.Smap) bool { return m.Flags.Has(procfs.VmMTE) }

// Tags reads the tags of the pages of t that are stored, while it is stopped. Pages whose tags are all 0, as they are at first, are left out.
func Tags(t *task.Task) (runs []*image.TagRun, err error) {
	var areas []scanArea
	for i := range t.Areas {
		if m := &t.Areas[i]; Tagged(m) {
			areas = append(areas, scanArea{Run{m.Start, m.End}, true, true})
		}
	}
	if len(areas) == 0 {
		return nil, nil
	}
	found, err := scan(t, areas)
	if err != nil {
		return nil, fmt.Errorf("task %d: %w", t.Pid, err)
	}
	page := unix.Getpagesize()
	buf := make([]byte, tagChunk)
	for _, s := range found.pages {
		for at := s.Start; at < s.End; {
			tags := buf[:min((s.End-at)/granule, tagChunk)]
			if err := eachTags(t.Pid, at, tags, linux.PeekTags); err != nil {
				return nil, fmt.Errorf("task %d: read tags of memory: %w", t.Pid, err)
			}
			runs = addTags(runs, at, tags, page/granule)
			at += uint64(len(tags)) * granule
		}
	}
	return runs, nil
}

// addTags appends the tags of memory at at, perPage of which are a page's.
func addTags(runs []*image.TagRun, at uint64, tags []byte, perPage int) []*image.TagRun {
	for ; len(tags) > 0; tags = tags[perPage:] {
		packed := make([]byte, perPage/2)
		var any byte
		for i := range packed {
			packed[i] = tags[2*i] | tags[2*i+1]<<4
			any |= packed[i]
		}
		if any != 0 {
			if k := len(runs) - 1; k >= 0 && runs[k].End() == at {
				runs[k].Tags = append(runs[k].Tags, packed...)
			} else {
				runs = append(runs, &image.TagRun{Start: at, Tags: packed})
			}
		}
		at += uint64(perPage) * granule
	}
	return runs
}

// SetTags gives the memory of a stopped task its tags, once its content is there.
func SetTags(tid int, runs []*image.TagRun) error {
	for _, r := range runs {
		at := r.Start
		for packed := r.Tags; len(packed) > 0; {
			some := packed[:min(len(packed), tagChunk/2)]
			tags := make([]byte, 0, 2*len(some))
			for _, b := range some {
				tags = append(tags, b&0xf, b>>4)
			}
			if err := eachTags(tid, at, tags, linux.PokeTags); err != nil {
				return fmt.Errorf("write tags of memory: %w", err)
			}
			packed, at = packed[len(some):], at+uint64(len(tags))*granule
		}
	}
	return nil
}

// eachTags calls f, which may do part of what it is asked for, until all is done.
func eachTags(tid int, at uint64, tags []byte, f func(tid int, at uint64, tags []byte) (int, error)) error {
	for len(tags) > 0 {
		n, err := f(tid, at, tags)
		if err == nil && n == 0 {
			err = errors.New("there are none")
		}
		if err != nil {
			return fmt.Errorf("at %x: %w", at, err)
		}
		tags, at = tags[n:], at+uint64(n)*granule
	}
	return nil
}
