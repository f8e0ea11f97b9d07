// cpu/isa.h: which instruction set the kernels use, chosen once at start.
//
// The files in cpu/isa/ are compiled once for each set (baseline = SSE2, avx2 = AVX2 + FMA + F16C,
// avx512 = AVX-512 F/BW/DQ/VL), with ISA defined as its name. Each such file defines one constant
// struct of function pointers, ISA_NAME(subject_loops), of a type declared in its header in cpu/;
// users take ISA_PICK(subject_loops). Only contiguous inner loops on floats live there (and
// integers where it pays): strided input is gathered into tiles first.
#pragma once

typedef enum IsaLevel { ISA_LEVEL_BASELINE, ISA_LEVEL_AVX2, ISA_LEVEL_AVX512 } IsaLevel;

#ifdef ISA_BASELINE_ONLY // for the thread sanitizer: to threads it is no matter which set computes
#define isa_level() ISA_LEVEL_BASELINE
#else
IsaLevel isa_level(void); // of the CPU, or lower if RUSTORCH_ISA says so
#endif
const char *isa_words(void); // "avx512"

#define ISA_CAT(a_, b_) a_##_##b_
#define ISA_CAT2(a_, b_) ISA_CAT(a_, b_)
#define ISA_NAME(name_) ISA_CAT2(name_, ISA)

// extern const T name_baseline, name_avx2, name_avx512;
#define ISA_DECLARE(type_, name_) extern const type_ name_##_baseline, name_##_avx2, name_##_avx512
#define ISA_PICK(name_)                                                                            \
    (isa_level() == ISA_LEVEL_AVX512 ? &name_##_avx512                                             \
     : isa_level() == ISA_LEVEL_AVX2 ? &name_##_avx2                                               \
                                     : &name_##_baseline)
