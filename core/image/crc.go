package image

import "sync"

// castagnoli is the table of CRC-32C, built when it is first needed: importing hash/crc32 builds one at process start.
var castagnoli = sync.OnceValue(func() *[256]uint32 {
	t := new([256]uint32)
	for i := range t {
		v := uint32(i)
		for range 8 {
			v = v>>1 ^ 0x82f63b78*(v&1) // the polynomial, reversed
		}
		t[i] = v
	}
	return t
})

func checksum(b []byte) uint32 {
	t := castagnoli()
	crc := ^uint32(0)
	for _, c := range b {
		crc = crc>>8 ^ t[byte(crc)^c]
	}
	return ^crc
}
