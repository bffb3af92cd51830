package image

func armPlaces(c *CoreEntry, note uint32, store bool) []any {
	t := made(&c.TiArm, store)
	if t == nil {
		return nil
	}
	switch note {
	case ntPrstatus:
		if r := made(&t.Gpregs, store); r != nil {
			return []any{&r.R0, &r.R1, &r.R2, &r.R3, &r.R4, &r.R5, &r.R6, &r.R7, &r.R8, &r.R9, &r.R10, &r.Fp, &r.Ip, &r.Sp, &r.Lr, &r.Pc, &r.Cpsr, &r.OrigR0}
		}
	case ntArmVfp:
		if f := made(&t.Fpstate, store); f != nil {
			if store {
				f.Fpexc = 1 << 30 // enabled, as the kernel has it in signal frames
			}
			return []any{list(&f.VfpRegs, 32, store), &f.Fpscr}
		}
	case ntArmTLS:
		return []any{&t.Tls}
	}
	return nil
}
