"""Special functions, under the names of torch.special.

Examples
--------
>>> rustorch.special.xlogy(rustorch.tensor([0.0, 2.0]), rustorch.tensor([0.0, 1.0]))
tensor([0., 0.])
"""

from ._C import _ops

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e", "i1", "i1e", "log1p",
    "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py",
    "xlogy",
]  # fmt: skip

digamma = psi = _ops.digamma
entr = _ops.special_entr
erf = _ops.erf
erfc = _ops.erfc
erfcx = _ops.special_erfcx
erfinv = _ops.erfinv
exp2 = _ops.exp2
expit = _ops.sigmoid
expm1 = _ops.expm1
gammaln = _ops.lgamma
i0 = _ops.i0
i0e = _ops.special_i0e
i1 = _ops.special_i1
i1e = _ops.special_i1e
log1p = _ops.log1p
log_ndtr = _ops.special_log_ndtr
log_softmax = _ops.log_softmax
logit = _ops.logit
logsumexp = _ops.logsumexp
multigammaln = _ops.mvlgamma
ndtr = _ops.special_ndtr
polygamma = _ops.polygamma
round = _ops.round
sinc = _ops.sinc
softmax = _ops.softmax
xlog1py = _ops.special_xlog1py
xlogy = _ops.xlogy
