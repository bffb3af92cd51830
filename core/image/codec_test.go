package image

import (
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a newer CRIU may have added is passed over, of every wire type.
func TestUnknownFields(t *testing.T) {
	want := &FsEntry{CwdId: 1, RootId: 2}
	b, err := Marshal(want)
	require.NoError(t, err)
	for _, unknown := range []string{
		"\xa0\x06\x96\x01", "\xa1\x0612345678", "\xa2\x06\x03abc", "\xa5\x061234", "\xa3\x06\xa0\x06\x01\xa4\x06",
	} {
		got := new(FsEntry)
		require.NoError(t, Unmarshal([]byte(unknown+string(b)+unknown), got))
		require.Equal(t, want, got)
	}
}

func TestUnmarshalErrors(t *testing.T) {
	for _, c := range []struct {
		m           Message
		bytes, want string
	}{
		{&FsEntry{}, "\x80", "ends in the middle of a value"},
		{&FsEntry{}, "\x00\x00", "field number out of range"},
		{&FsEntry{}, "\xa0\xe5\x88\x8e\x1a\x01", "field number out of range"},
		{&FsEntry{}, "\xa2\x06\x7fabc", "field 100: ends in the middle of a value"},
		{&FsEntry{}, "\xa7\x06", "field 100: unknown wire type"},
		{&FsEntry{}, "\xa4\x06", "field 100: group without its other end"},
		{&FsEntry{}, "\xa3\x06\xac\x06", "field 100: group without its other end"},
		{&FsEntry{}, "\xa3\x06\xa0\x06\x01", "field 100: ends in the middle of a value"},
		{&FsEntry{}, "\xa1\x061234567", "field 100: ends in the middle of a value"},
		{&FsEntry{}, strings.Repeat("\xa3\x06", 200), "field 100: nested too deeply"},
		{&FsEntry{}, "\x08" + strings.Repeat("\xff", 11), "cwd_id: number of more than 64 bits"},
		{&FsEntry{}, "\x08\x01", "root_id: missing"},
		{&SkPacketEntry{}, "\x08\x01\x10\x01\x22\x02\x08\x01\x22\x03\x08\x01\x12", "scm[1].rights: ends in the middle of a value"},
		{&SkPacketEntry{}, "\x08\x01\x10\x01\x22\x02\x08\x01\x22\x00", "scm[1].type: missing"},
		{&SkPacketEntry{}, "\x08\x01\x10\x01\x22\x06\x08\x01\x12\x02\x01\xff", "scm[0].rights[1]: ends in the middle of a value"},
		{&CgroupDirEntry{}, nested(200), strings.Repeat("children[0].", 99) + "children[0]: nested too deeply"},
	} {
		err := Unmarshal([]byte(c.bytes), c.m)
		require.ErrorContains(t, err, c.want)
	}
}

// nested is a cgroup directory inside another, n times.
func nested(n int) string {
	s := "\x0a\x00"
	for range n {
		s = "\x12" + string(appendVarint(nil, uint64(len(s)))) + s + "\x0a\x00"
	}
	return s
}

func TestMarshalErrors(t *testing.T) {
	for _, m := range []Message{nil, (*CoreEntry)(nil)} {
		_, err := Marshal(m)
		require.EqualError(t, err, "missing")
	}
	_, err := Marshal(&CoreEntry{ThreadInfo: &ThreadInfoX86{}})
	require.EqualError(t, err, "thread_info.gpregs: missing")
	_, err = Marshal(&SkPacketEntry{Scm: []*ScmEntry{{}, nil}})
	require.EqualError(t, err, "scm[1]: missing")
	loop := &AaNamespace{}
	loop.Namespaces = []*AaNamespace{loop}
	_, err = Marshal(loop)
	require.ErrorContains(t, err, "nested too deeply")
}

// Bytes that are there and empty differ from bytes that are not there.
func TestEmptyBytes(t *testing.T) {
	b, err := Marshal(&SiginfoEntry{})
	require.NoError(t, err)
	require.Equal(t, []byte{0x0a, 0}, b)
	for _, data := range [][]byte{nil, {}} {
		m := &CredsEntry{ApparmorData: data}
		b, err := Marshal(m)
		require.NoError(t, err)
		got := new(CredsEntry)
		require.NoError(t, Unmarshal(b, got))
		require.Equal(t, m, got)
	}
}

func TestTablesFit(t *testing.T) {
	for name := range messagesByName {
		tb := newMessage(name).table()
		require.LessOrEqual(t, len(tb.fields), maxFields)
		for i, f := range tb.fields {
			require.Equal(t, i, tb.byNumber(f.num))
		}
		require.Equal(t, -1, tb.byNumber(9999))
	}
}

func TestChecksum(t *testing.T) {
	b := random(rand.New(rand.NewPCG(1, 1)), 1000)
	for n := range b {
		require.Equal(t, crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)), checksum(b[:n]))
	}
}
