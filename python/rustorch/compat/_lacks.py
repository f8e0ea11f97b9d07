"""What rustorch lacks and why: the hints of `compat`, and of the errors that a script meets at run time."""

from __future__ import annotations

import difflib
from types import ModuleType
from typing import Optional

# For a name and what is below it, or with a * for names that begin so; the longest counts.
REASONS = {
    "torch._dynamo": "there is no compiler: torch.compile returns the model itself",
    "torch._inductor": "there is no compiler: torch.compile returns the model itself",
    "torch._foreach*": "use a loop over the tensors",
    "torch.ao": "there are no quantised dtypes",
    "torch.complex*": "there are no complex dtypes: keep real and imaginary parts in two tensors",
    "torch.cdouble": "there are no complex dtypes",
    "torch.cfloat": "there are no complex dtypes",
    "torch.distributed._composable": "DistributedDataParallel is the one way to share the work of a model",
    "torch.distributed._tensor": "there are no distributed tensors: use DistributedDataParallel",
    "torch.distributed.checkpoint": "use rustorch.save or rustorch.checkpoint.save_checkpoint on rank 0",
    "torch.distributed.device_mesh": "there are no device meshes: use new_group",
    "torch.distributed.elastic": "use rustorch-launch --max-restarts",
    "torch.distributed.fsdp": "models are not sharded: use DistributedDataParallel",
    "torch.distributed.launch": "start the script with rustorch-launch -n N SCRIPT.py",
    "torch.distributed.pipelining": "there are no pipelines: use DistributedDataParallel",
    "torch.distributed.rpc": "there are no remote calls: use send and recv, or all_gather_object",
    "torch.distributed.run": "start the script with rustorch-launch -n N SCRIPT.py",
    "torch.distributed.tensor": "there are no distributed tensors: use DistributedDataParallel",
    "torch.export": "use rustorch.save, or safetensors",
    "torch.float8*": "there are no 8-bit floats: use bfloat16",
    "torch.fx": "programs are not traced: change the module itself",
    "torch.library": "use autograd.Function",
    "torch.linalg.ldl*": "use linalg.lu_factor, or linalg.cholesky_ex to see whether a matrix is positive definite",
    "torch.lobpcg": "use linalg.eigh, which finds all eigenvalues of a symmetric matrix",
    "torch.nested": "use padding with a mask, or nn.utils.rnn.pack_padded_sequence",
    "torch.nn.attention.flex_attention": "use scaled_dot_product_attention with attn_mask",
    "torch.nn.attention.varlen": "use scaled_dot_product_attention with attn_mask",
    "torch.nn.quantized": "there are no quantised dtypes",
    "torch.ops": "use the functions of torch and torch.nn.functional",
    "torch.quantization": "there are no quantised dtypes",
    "torch.sparse*": "there are no sparse tensors: use dense ones, or index_add_ and scatter_add_",
    "torch.stft": "there are no complex dtypes",
    "torch.istft": "there are no complex dtypes",
    "torchvision.models": "these are not among the models of rustorch.vision: see rustorch.vision.models.list_models()",
    "torchvision.ops": "of the detection operators there are boxes, nms and the focal loss",
    "torchvision.datasets": "read it with a Dataset of your own, or ImageFolder",
    "torchvision.transforms.v2": "an image is transformed as by torchvision.transforms; boxes, masks and videos are not",
}


def reason(name: str) -> str:
    """Why rustorch lacks the name, and what to use instead; "" where nothing is known."""
    fits = [key for key in REASONS if (name + ".").startswith(key + ".") or key.endswith("*") and name.startswith(key[:-1])]
    return REASONS[max(fits, key=len)] if fits else ""


def near(name: str, home: Optional[ModuleType]) -> str:
    """The name in the module that is spelled most like it, or ""."""
    public = [other for other in dir(home) if not other.startswith("_")] if home is not None else []
    return next(iter(difflib.get_close_matches(name, public, 1, 0.8)), "")


def hint(full: str, home: Optional[ModuleType] = None) -> str:
    """What to say after "rustorch has no FULL": the reason, else the nearest name, else ""."""
    why = reason(full)
    if why:
        return why
    path, _, last = full.rpartition(".")
    other = near(last, home)
    return f"did you mean {path}.{other}?" if other else ""
