"""Matrix products on NVIDIA's GPUs: switches without effect on the CPU."""

__all__ = ["allow_bf16_reduced_precision_reduction", "allow_fp16_accumulation", "allow_fp16_reduced_precision_reduction", "allow_tf32"]

allow_tf32 = False
allow_fp16_reduced_precision_reduction = True
allow_bf16_reduced_precision_reduction = True
allow_fp16_accumulation = False
