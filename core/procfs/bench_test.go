package procfs

import "testing"

// BenchmarkParse gives the cost of each parser on its recording from a kernel.
func BenchmarkParse(b *testing.B) {
	for _, p := range parsers {
		for path, text := range recordings(b, p.name) {
			b.Run(path, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.parse(text); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
