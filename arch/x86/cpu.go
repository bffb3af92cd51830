package x86

import "woodfrog/arch"

// CPUNames are the names of feature bits (Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E; names of arch/x86/include/asm/cpufeatures.h).
var CPUNames = arch.CPUNames{
	Registers: [arch.CPUWords]string{
		0: "1.EDX", 1: "80000001.EDX", 4: "1.ECX", 6: "80000001.ECX", 9: "7.EBX", 10: "D.1.EAX", 11: "7.ECX", 13: "80000008.EBX",
		14: "6.EAX", 15: "8000000A.EDX", 17: "80000007.EBX", 18: "7.EDX",
	},
	Instructions: map[[2]int]string{
		{0, 4}: "tsc", {0, 8}: "cx8", {0, 15}: "cmov", {0, 19}: "clflush", {0, 23}: "mmx", {0, 24}: "fxsr", {0, 25}: "sse", {0, 26}: "sse2",
		{1, 11}: "syscall", {1, 22}: "mmxext", {1, 27}: "rdtscp", {1, 29}: "lm", {1, 30}: "3dnowext", {1, 31}: "3dnow",
		{4, 0}: "pni", {4, 1}: "pclmulqdq", {4, 9}: "ssse3", {4, 12}: "fma", {4, 13}: "cx16", {4, 19}: "sse4_1", {4, 20}: "sse4_2", {4, 22}: "movbe",
		{4, 23}: "popcnt", {4, 25}: "aes", {4, 26}: "xsave", {4, 28}: "avx", {4, 29}: "f16c", {4, 30}: "rdrand",
		{6, 0}: "lahf_lm", {6, 5}: "abm", {6, 6}: "sse4a", {6, 8}: "3dnowprefetch", {6, 11}: "xop", {6, 15}: "lwp", {6, 16}: "fma4", {6, 21}: "tbm",
		{6, 29}: "mwaitx",
		{9, 0}:  "fsgsbase", {9, 3}: "bmi1", {9, 4}: "hle", {9, 5}: "avx2", {9, 8}: "bmi2", {9, 11}: "rtm", {9, 16}: "avx512f", {9, 17}: "avx512dq",
		{9, 18}: "rdseed", {9, 19}: "adx", {9, 21}: "avx512ifma", {9, 23}: "clflushopt", {9, 24}: "clwb", {9, 26}: "avx512pf", {9, 27}: "avx512er",
		{9, 28}: "avx512cd", {9, 29}: "sha_ni", {9, 30}: "avx512bw", {9, 31}: "avx512vl",
		{10, 0}: "xsaveopt", {10, 1}: "xsavec", {10, 2}: "xgetbv1",
		{11, 1}: "avx512vbmi", {11, 4}: "ospke", {11, 5}: "waitpkg", {11, 6}: "avx512_vbmi2", {11, 8}: "gfni", {11, 9}: "vaes", {11, 10}: "vpclmulqdq",
		{11, 11}: "avx512_vnni", {11, 12}: "avx512_bitalg", {11, 14}: "avx512_vpopcntdq", {11, 22}: "rdpid", {11, 25}: "cldemote", {11, 27}: "movdiri",
		{11, 28}: "movdir64b", {11, 29}: "enqcmd",
		{13, 0}: "clzero",
		{18, 2}: "avx512_4vnniw", {18, 3}: "avx512_4fmaps", {18, 8}: "avx512_vp2intersect", {18, 14}: "serialize", {18, 22}: "amx_bf16",
		{18, 23}: "avx512_fp16", {18, 24}: "amx_tile", {18, 25}: "amx_int8",
	},
}

// kernelWord has bits that are no processor's but the kernel's own, and that CRIU writes for every processor of today: rep_good, nopl, cpuid.
const kernelWord = 1<<16 | 1<<20 | 1<<25

// family and model, with their extensions, are in EAX of CPUID leaf 1.
func familyModel(eax uint32) (family, model, stepping uint32) {
	family, model, stepping = eax>>8&0xf, eax>>4&0xf, eax&0xf
	if family == 6 || family == 15 {
		model += eax >> 16 & 0xf << 4
	}
	if family == 15 {
		family += eax >> 20 & 0xff
	}
	return family, model, stepping
}
