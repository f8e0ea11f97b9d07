"""Special functions, under the names of torch.special.

Examples
--------
>>> rustorch.special.xlogy(rustorch.tensor([0.0, 2.0]), rustorch.tensor([0.0, 1.0]))
tensor([0., 0.])
"""

from ._C import _ops

__all__ = [
    "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2",
    "expit", "expm1", "gammainc", "gammaincc", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax",
    "logit", "logsumexp", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip

bessel_j0 = _ops.special_bessel_j0
bessel_j1 = _ops.special_bessel_j1
bessel_y0 = _ops.special_bessel_y0
bessel_y1 = _ops.special_bessel_y1
digamma = psi = _ops.digamma
entr = _ops.special_entr
erf = _ops.erf
erfc = _ops.erfc
erfcx = _ops.special_erfcx
erfinv = _ops.erfinv
exp2 = _ops.exp2
expit = _ops.sigmoid
expm1 = _ops.expm1
gammainc = _ops.igamma
gammaincc = _ops.igammac
gammaln = _ops.lgamma
i0 = modified_bessel_i0 = _ops.i0
i0e = _ops.special_i0e
i1 = modified_bessel_i1 = _ops.special_i1
i1e = _ops.special_i1e
log1p = _ops.log1p
log_ndtr = _ops.special_log_ndtr
log_softmax = _ops.log_softmax
logit = _ops.logit
logsumexp = _ops.logsumexp
modified_bessel_k0 = _ops.special_modified_bessel_k0
modified_bessel_k1 = _ops.special_modified_bessel_k1
multigammaln = _ops.mvlgamma
ndtr = _ops.special_ndtr
ndtri = _ops.special_ndtri
polygamma = _ops.polygamma
round = _ops.round
scaled_modified_bessel_k0 = _ops.special_scaled_modified_bessel_k0
scaled_modified_bessel_k1 = _ops.special_scaled_modified_bessel_k1
sinc = _ops.sinc
softmax = _ops.softmax
xlog1py = _ops.special_xlog1py
xlogy = _ops.xlogy
zeta = _ops.special_zeta
