package image

import "errors"

// Files of our own hold state that nothing else can check, such as the registers of an accelerator: a flipped bit there is
// silent corruption of the task. So each of their messages travels as bytes with a CRC-32C:
//
//	message sealed { required bytes body = 1; required fixed32 crc = 2; }

var errSeal = errors.New("checksum does not match")

const (
	tagBody = 1<<3 | byte(wireBytes)
	tagCRC  = 2<<3 | byte(wireFixed32)
)

// seal wraps the message at b[start:].
func seal(b []byte, start int) []byte {
	crc := checksum(b[start:])
	b = insertLength(b, start)
	b = append(b, 0)
	copy(b[start+1:], b[start:])
	b[start] = tagBody
	return order.AppendUint32(append(b, tagCRC), crc)
}

// unseal returns the message in b once its checksum has been compared.
func unseal(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != tagBody {
		return nil, errSeal
	}
	body, n, err := bytesOf(b[1:])
	if err != nil {
		return nil, errSeal
	}
	if b = b[1+n:]; len(b) != 5 || b[0] != tagCRC || order.Uint32(b[1:]) != checksum(body) {
		return nil, errSeal
	}
	return body, nil
}
