package image

func aarch64Places(c *CoreEntry, note uint32, store bool) []any {
	t := made(&c.TiAarch64, store)
	if t == nil {
		return nil
	}
	switch note {
	case ntPrstatus:
		if r := made(&t.Gpregs, store); r != nil {
			return []any{list(&r.Regs, 31, store), &r.Sp, &r.Pc, &r.Pstate}
		}
	case ntPrfpreg:
		if f := made(&t.Fpsimd, store); f != nil {
			return []any{list(&f.Vregs, 64, store), &f.Fpsr, &f.Fpcr, hole(8)}
		}
	case ntArmTLS:
		return []any{&t.Tls}
	case ntArmPacaKeys:
		if k := aarch64Keys(t, store); k != nil {
			return []any{&k.ApiakeyLo, &k.ApiakeyHi, &k.ApibkeyLo, &k.ApibkeyHi, &k.ApdakeyLo, &k.ApdakeyHi, &k.ApdbkeyLo, &k.ApdbkeyHi}
		}
	case ntArmPacEnabledKeys:
		if k := aarch64Keys(t, store); k != nil {
			return []any{&k.PacEnabledKey}
		}
	case ntArmPacgKeys:
		if p := made(&t.PacKeys, store); p != nil {
			if k := made(&p.PacGenericKeys, store); k != nil {
				return []any{&k.ApgakeyLo, &k.ApgakeyHi}
			}
		}
	}
	return nil
}

func aarch64Keys(t *ThreadInfoAarch64, store bool) *PacAddressKeys {
	p := made(&t.PacKeys, store)
	if p == nil {
		return nil
	}
	return made(&p.PacAddressKeys, store)
}
