package image

import "testing"

// A thread's core is what there is most of: 500 threads write and read 500 of them.
func BenchmarkCore(b *testing.B) {
	d, err := OpenDir(criuImages)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	core, err := ReadOne[CoreEntry](d, Core, 9078)
	if err != nil {
		b.Fatal(err)
	}
	bytes, err := Marshal(core)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Marshal", func(b *testing.B) {
		buf := make([]byte, 0, len(bytes))
		for b.Loop() {
			if _, err := Append(buf, core); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Unmarshal(bytes, new(CoreEntry)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
