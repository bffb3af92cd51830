package main

import (
	"github.com/checkpoint-restore/go-criu/v8/crit/images/opts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// printHints returns the words for the field's (criu) option, which says how a person wants to read the value.
func printHints(fd protoreflect.FieldDescriptor) string {
	o, ok := proto.GetExtension(fd.Options(), opts.E_Criu).(*opts.CRIU_Opts)
	if !ok || o == nil {
		return ""
	}
	var s string
	for _, b := range []struct {
		set  bool
		word string
	}{{o.GetHex(), "hex"}, {o.GetIpadd(), "ipadd"}, {o.GetDev(), "dev"}, {o.GetOdev(), "odev"}} {
		if b.set {
			s += " " + b.word
		}
	}
	for _, v := range []struct{ val, word string }{
		{o.GetFlags(), "flags="}, {o.GetDict(), "dict="}, {o.GetConv(), "conv="},
	} {
		if v.val != "" {
			s += " " + v.word + v.val
		}
	}
	return s
}
