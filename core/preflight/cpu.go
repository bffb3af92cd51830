package preflight

import (
	"fmt"
	"math/bits"
	"strings"

	"woodfrog/arch"
	"woodfrog/core/image"
)

// CPUOptions say what the processor has to have of that of the image.
type CPUOptions struct {
	Image *image.CpuinfoEntry // nil: it does not tell
	Own   *arch.CPU
	Names *arch.CPUNames

	Registers, Instructions bool // all of them
	Same                    bool // and nothing else
	Asked                   bool // by the user
}

// CPU returns what this processor lacks, as Obstacles.
func CPU(o CPUOptions) error {
	const thing, remedy = "processor", "restore on a machine that has all of it, or, if the processes can do without, with --cpu-cap=none"
	if o.Image == nil {
		if o.Asked && (o.Instructions || o.Same) {
			return Obstacles{{0, image.Cpuinfo.FileName(0), "not in the image: it does not tell what processor it is of",
				"have the machine of the dump write it: woodfrog cpuinfo dump, or dump --cpu-cap; a restore without --cpu-cap takes none"}}
		}
		return nil
	}
	its, err := o.Image.CPU()
	if err != nil {
		return err
	}
	var found Obstacles
	if gone := its.Features &^ o.Own.Features; o.Registers && gone != 0 {
		found = append(found, Obstacle{0, thing, "lacks registers of the image's: " + image.Registers(gone), remedy})
	}
	if gone := o.bits(&its.Words, &o.Own.Words, true); (o.Instructions || o.Same) && gone != "" {
		found = append(found, Obstacle{0, thing, "lacks instructions of the image's: " + gone, remedy})
	}
	if o.Same {
		for _, d := range []struct{ what, names string }{
			{"lacks features of the image's: ", o.bits(&its.Words, &o.Own.Words, false)},
			{"has features that the image's has not: ", o.bits(&o.Own.Words, &its.Words, false)},
			{"has instructions that the image's has not: ", o.bits(&o.Own.Words, &its.Words, true)},
		} {
			if d.names != "" {
				found = append(found, Obstacle{0, thing, d.what + d.names, remedy})
			}
		}
	}
	return found.Err()
}

// bits names what is in a and not in b, instructions or all else.
func (o *CPUOptions) bits(a, b *[arch.CPUWords]uint32, instructions bool) string {
	var names []string
	for w, register := range o.Names.Registers {
		if register == "" {
			continue
		}
		for left := a[w] &^ b[w]; left != 0; left &= left - 1 {
			bit := bits.TrailingZeros32(left)
			name, is := o.Names.Instructions[[2]int{w, bit}]
			if !is {
				name = fmt.Sprintf("CPUID %s[%d]", register, bit)
			}
			if is == instructions {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}
