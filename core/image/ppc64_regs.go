package image

// ppc64Places: vectors are stored as they are in memory, in CRIU's files too.
func ppc64Places(c *CoreEntry, note uint32, store bool) []any {
	t := made(&c.TiPpc64, store)
	if t == nil {
		return nil
	}
	switch note {
	case ntPrstatus:
		if r := made(&t.Gpregs, store); r != nil {
			const softe = hole(8)
			return []any{list(&r.Gpr, 32, store), &r.Nip, &r.Msr, &r.OrigGpr3, &r.Ctr, &r.Link, &r.Xer, &r.Ccr, softe, &r.Trap, hole(7 * 8)}
		}
	case ntPrfpreg:
		if f := made(&t.Fpstate, store); f != nil {
			return []any{list(&f.Fpregs, 33, store)}
		}
	case ntPpcVmx:
		if v := made(&t.Vrstate, store); v != nil {
			return []any{list(&v.Vrregs, 66, store), &v.Vrsave, hole(12)}
		}
	case ntPpcVsx:
		if v := made(&t.Vsxstate, store); v != nil {
			return []any{list(&v.Vsxregs, 32, store)}
		}
	}
	return nil
}
