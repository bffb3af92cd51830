package image

import (
	"errors"
	"hash/crc32"

	"google.golang.org/protobuf/encoding/protowire"
)

// Files of our own hold state that nothing else can check, such as the registers of an accelerator: a flipped bit there is
// silent corruption of the task. So each of their messages travels as bytes with a CRC-32C:
//
//	message sealed { required bytes body = 1; required fixed32 crc = 2; }

var (
	errSeal = errors.New("checksum does not match")

	tagBody = protowire.EncodeTag(1, protowire.BytesType)
	tagCRC  = protowire.EncodeTag(2, protowire.Fixed32Type)
)

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// seal wraps the message at b[start:].
func seal(b []byte, start int) []byte {
	crc := checksum(b[start:])
	b = insertLength(b, start)
	b = append(b, 0)
	copy(b[start+1:], b[start:])
	b[start] = byte(tagBody)
	return protowire.AppendFixed32(protowire.AppendVarint(b, tagCRC), crc)
}

// unseal returns the message in b once its checksum has been compared.
func unseal(b []byte) ([]byte, error) {
	tag, n := protowire.ConsumeVarint(b)
	if n < 0 || tag != tagBody {
		return nil, errSeal
	}
	body, m := protowire.ConsumeBytes(b[n:])
	if m < 0 {
		return nil, errSeal
	}
	b = b[n+m:]
	if tag, n = protowire.ConsumeVarint(b); n < 0 || tag != tagCRC {
		return nil, errSeal
	}
	crc, m := protowire.ConsumeFixed32(b[n:])
	if m < 0 || len(b) != n+m || crc != checksum(body) {
		return nil, errSeal
	}
	return body, nil
}
