package image

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "woodfrog/core/image/internal/gocriu"
)

// eachMessage runs f for every message of go-criu with a new struct of ours for it.
func eachMessage(t *testing.T, f func(t *testing.T, mt protoreflect.MessageType, newOurs func() Message)) {
	t.Helper()
	n := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		fd := mt.Descriptor().ParentFile()
		if fd.Package() != "" || fd.Path() == "opts.proto" {
			return true
		}
		n++
		name := string(mt.Descriptor().FullName())
		_, ok := messagesByName[name]
		require.True(t, ok, name)
		t.Run(name, func(t *testing.T) {
			f(t, mt, func() Message { return newMessage(name) })
		})
		return true
	})
	require.Len(t, messagesByName, n)
}

// The tables that the codec works from say the same as go-criu's descriptors, and the names are go-criu's.
func TestTablesEqualGoCRIU(t *testing.T) {
	eachMessage(t, func(t *testing.T, mt protoreflect.MessageType, newOurs func() Message) {
		ours := reflect.TypeOf(newOurs()).Elem()
		theirs := reflect.TypeOf(mt.Zero().Interface()).Elem()
		require.Equal(t, theirs.Name(), ours.Name())
		require.Equal(t, theirs.NumField()-3, ours.NumField()) // state, sizeCache, unknownFields
		tb := newOurs().table()
		require.Equal(t, string(mt.Descriptor().FullName()), tb.name)
		require.LessOrEqual(t, len(tb.fields), maxFields)
		fds := mt.Descriptor().Fields()
		require.Len(t, tb.fields, fds.Len())
		for _, f := range tb.fields {
			fd := fds.ByNumber(protoreflect.FieldNumber(f.num))
			require.NotNil(t, fd, f.name)
			require.Equal(t, string(fd.Name()), f.name)
			require.Equal(t, fd.Cardinality() == protoreflect.Required, f.required, f.name)
			require.Equal(t, fd.IsList(), f.repeated, f.name)
			require.Equal(t, fd.IsPacked(), f.packed, f.name)
			sf, ok := theirs.FieldByName(ours.Field(f.index).Name)
			require.True(t, ok, f.name)
			require.Contains(t, sf.Tag.Get("protobuf"), ","+strconv.Itoa(int(f.num))+",", f.name)
		}
	})
}

// Filled-in messages of go-criu decode into ours and encode to the same bytes, which decode to the same message again.
func TestBytesEqualGoCRIU(t *testing.T) {
	eachMessage(t, func(t *testing.T, mt protoreflect.MessageType, newOurs func() Message) {
		for seed := range uint64(20) {
			theirs := mt.New()
			fill(theirs, rand.New(rand.NewPCG(seed, 1)), 0)
			want, err := proto.MarshalOptions{Deterministic: true}.Marshal(theirs.Interface())
			require.NoError(t, err)
			ours := newOurs()
			require.NoError(t, Unmarshal(want, ours))
			got, err := Marshal(ours)
			require.NoError(t, err)
			require.Equal(t, want, got)

			again := newOurs()
			require.NoError(t, Unmarshal(got, again))
			require.Equal(t, ours, again)
			back := mt.New()
			require.NoError(t, proto.Unmarshal(got, back.Interface()))
			require.True(t, proto.Equal(theirs.Interface(), back.Interface()))
		}
	})
}

// fill sets all required fields and two thirds of the others. Half of the numbers are from the ends of their range.
func fill(m protoreflect.Message, r *rand.Rand, depth int) {
	fds := m.Descriptor().Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		if fd.Cardinality() != protoreflect.Required && (r.IntN(3) == 0 || depth > 3) {
			continue
		}
		if !fd.IsList() {
			m.Set(fd, fillValue(m.NewField(fd), fd, r, depth))
			continue
		}
		list := m.Mutable(fd).List()
		for range r.IntN(4) {
			list.Append(fillValue(list.NewElement(), fd, r, depth))
		}
	}
}

func fillValue(v protoreflect.Value, fd protoreflect.FieldDescriptor, r *rand.Rand, depth int) protoreflect.Value {
	ends := []uint64{0, 1, math.MaxUint64, 1 << 31, 1 << 63, 127, 128, math.MaxUint32}
	n := r.Uint64() >> r.IntN(64)
	if r.IntN(2) == 0 {
		n = ends[r.IntN(len(ends))]
	}
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n&1 != 0)
	case protoreflect.EnumKind:
		vs := fd.Enum().Values()
		return protoreflect.ValueOfEnum(vs.Get(int(n % uint64(vs.Len()))).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(n)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat("x", int(n%300)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(strings.Repeat("\xff", int(n%300))))
	}
	fill(v.Message(), r, depth+1)
	return v
}

func newMessage(name string) Message {
	return reflect.New(reflect.TypeOf(messagesByName[name]).Elem()).Interface().(Message)
}
