package image

import (
	"slices"

	"golang.org/x/sys/unix"
)

// TagsEntry is the file woodfrog-tags-PID.img: the tags of memory under PROT_MTE, for which CRIU has no file. What is in no run has the tag 0.
//
//	message tags_entry { repeated tag_run runs = 1; }
type TagsEntry struct {
	Runs []*TagRun
}

// TagRun is the tags of memory from Start on: four bits for each 16 bytes, the lower four of a byte first.
//
//	message tag_run { required uint64 start = 1; required bytes tags = 2; }
type TagRun struct {
	Start uint64
	Tags  []byte
}

// TaggedByTwo is how much memory a byte of TagRun.Tags is for.
const TaggedByTwo = 32

// End is where the run's memory ends.
func (m *TagRun) End() uint64 { return m.Start + TaggedByTwo*uint64(len(m.Tags)) }

func (*TagsEntry) table() *table { return &tableTagsEntry }

var tableTagsEntry = table{name: "tags_entry", fields: []field{
	{index: 0, num: 1, tag: 10, kind: kindMessage, name: "runs", repeated: true},
}}

func (m *TagsEntry) field(int) any { return many[TagRun, *TagRun]{&m.Runs} }

func (*TagRun) table() *table { return &tableTagRun }

var tableTagRun = table{name: "tag_run", fields: []field{
	{index: 0, num: 1, tag: 8, kind: kindVarint, name: "start", required: true},
	{index: 1, num: 2, tag: 18, kind: kindBytes, name: "tags", required: true},
}}

func (m *TagRun) field(i int) any {
	return [2]any{&m.Start, &m.Tags}[i]
}

// plainProt is what areas of every architecture can have.
const plainProt = unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC

// UnusualProt is what areas have beside reading, writing and executing.
func UnusualProt(vmas []*VmaEntry) (prot uint32) {
	for _, v := range vmas {
		prot |= v.Prot &^ plainProt
	}
	return prot
}

// tags reads those of a task's memory, which is nothing unusual on no architecture.
func (l *loader) tags(t *Task) error {
	if UnusualProt(t.Mm.Vmas) == 0 {
		return nil
	}
	e, err := ReadOne[TagsEntry](l.d, Tags, t.Pid())
	if err != nil {
		return optional(err)
	}
	var at uint64
	for i, r := range e.Runs {
		inside := func(v *VmaEntry) bool { return v.Start <= r.Start && r.Start < v.End && v.Prot&^plainProt != 0 }
		switch k := slices.IndexFunc(t.Mm.Vmas, inside); {
		case r.Start%TaggedByTwo != 0 || r.Start < at:
			return fault(Tags, t.Pid(), "runs[%d].start: %#x: not in order", i, r.Start)
		case k < 0:
			return fault(Tags, t.Pid(), "runs[%d].start: %#x: in no area that can have tags", i, r.Start)
		case uint64(len(r.Tags)) > (t.Mm.Vmas[k].End-r.Start)/TaggedByTwo:
			return fault(Tags, t.Pid(), "runs[%d].tags: %d bytes: more than the area", i, len(r.Tags))
		}
		at = r.End()
	}
	t.Tags = e.Runs
	return nil
}
