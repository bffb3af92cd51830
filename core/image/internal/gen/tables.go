package main

import (
	"bytes"
	"cmp"
	"fmt"
	"log"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// tables returns the source of each message's field table, as package variables that need no code at process start.
func tables(files []protoreflect.FileDescriptor) []byte {
	b := bytes.NewBufferString(head)
	for _, fd := range files {
		for i := range fd.Messages().Len() {
			writeTable(b, fd.Messages().Get(i))
		}
	}
	return b.Bytes()
}

func writeTable(b *bytes.Buffer, md protoreflect.MessageDescriptor) {
	name := goType(md.FullName()).Name()
	fields := make([]protoreflect.FieldDescriptor, md.Fields().Len())
	index := map[protoreflect.FieldNumber]int{}
	for i := range fields {
		fields[i] = md.Fields().Get(i)
		index[fields[i].Number()] = i
	}
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	fmt.Fprintf(b, "\nfunc (*%s) table() *table { return &table%s }\n\n", name, name)
	fmt.Fprintf(b, "var table%s = table{name: %q, fields: []field{\n", name, md.FullName())
	for _, fd := range fields {
		fmt.Fprintf(b, "{index: %d, num: %d, tag: %d, kind: %s, name: %q%s},\n", index[fd.Number()], fd.Number(),
			protowire.EncodeTag(fd.Number(), wireType(fd)), kindName(fd.Kind()), fd.Name(), attributes(fd))
	}
	b.WriteString("}}\n")
	writeAccess(b, md)
}

// writeAccess writes the method that gives the codec a field's address. Types that it has no case for are wrapped.
func writeAccess(b *bytes.Buffer, md protoreflect.MessageDescriptor) {
	t := goType(md.FullName())
	fmt.Fprintf(b, "\nfunc (m *%s) field(i int) any {\nswitch i {\n", t.Name())
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		addr := "&m." + fieldName(t, fd)
		switch typ := fieldType(fd); {
		case fd.Kind() == protoreflect.MessageKind && fd.IsList():
			addr = fmt.Sprintf("many[%s, *%[1]s]{%s}", typ[3:], addr)
		case fd.Kind() == protoreflect.MessageKind:
			addr = fmt.Sprintf("one[%s, *%[1]s]{%s}", typ[1:], addr)
		case fd.Kind() == protoreflect.EnumKind && fd.IsList():
			log.Fatalf("%s: repeated enums are not known to the generator", fd.FullName())
		case fd.Kind() == protoreflect.EnumKind && fd.Cardinality() == protoreflect.Required:
			addr = fmt.Sprintf("(*int32)(%s)", addr)
		case fd.Kind() == protoreflect.EnumKind:
			addr = fmt.Sprintf("enum[%s]{%s}", typ[1:], addr)
		}
		fmt.Fprintf(b, "case %d:\nreturn %s\n", i, addr)
	}
	b.WriteString("}\nreturn nil\n}\n")
}

func wireType(fd protoreflect.FieldDescriptor) protowire.Type {
	switch {
	case fd.IsPacked(), fd.Kind() == protoreflect.MessageKind:
		return protowire.BytesType
	case fd.Kind() == protoreflect.BytesKind, fd.Kind() == protoreflect.StringKind:
		return protowire.BytesType
	case fd.Kind() == protoreflect.Fixed32Kind:
		return protowire.Fixed32Type
	case fd.Kind() == protoreflect.Fixed64Kind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}

func kindName(k protoreflect.Kind) string {
	switch k {
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Int32Kind, protoreflect.Int64Kind,
		protoreflect.EnumKind:
		return "kindVarint"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return "kindZigzag"
	case protoreflect.BoolKind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind, protoreflect.StringKind,
		protoreflect.BytesKind, protoreflect.MessageKind:
		s := k.String()
		return "kind" + strings.ToUpper(s[:1]) + s[1:]
	}
	log.Fatalf("kind %s is not known to the generator", k)
	return ""
}

// attributes are the rest of a table row.
func attributes(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.Cardinality() == protoreflect.Required:
		return ", required: true"
	case fd.IsPacked():
		return ", repeated: true, packed: true"
	case fd.IsList():
		return ", repeated: true"
	}
	return ""
}
