package main

import (
	"github.com/checkpoint-restore/go-criu/v8/crit/images/opts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// printHint returns the field's (criu) option, which says how a person wants to read the value: hex, ipadd, dev, odev, or
// flags=NAME, dict=NAME, conv=NAME.
func printHint(fd protoreflect.FieldDescriptor) string {
	o, ok := proto.GetExtension(fd.Options(), opts.E_Criu).(*opts.CRIU_Opts)
	switch {
	case !ok || o == nil:
		return ""
	case o.Flags != nil:
		return "flags=" + o.GetFlags()
	case o.Dict != nil:
		return "dict=" + o.GetDict()
	case o.Conv != nil:
		return "conv=" + o.GetConv()
	case o.GetIpadd():
		return "ipadd"
	case o.GetOdev():
		return "odev"
	case o.GetDev():
		return "dev"
	case o.GetHex():
		return "hex"
	}
	return ""
}
