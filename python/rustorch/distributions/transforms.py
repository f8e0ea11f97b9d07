"""Invertible maps between distributions, under the names of torch.distributions.transforms."""

from __future__ import annotations

import math
from typing import Any, Sequence

import rustorch
from rustorch import Size, Tensor

from . import constraints

__all__ = [
    "AbsTransform", "AffineTransform", "ComposeTransform", "ExpTransform", "IndependentTransform",
    "LowerCholeskyTransform", "PowerTransform", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StickBreakingTransform", "TanhTransform", "Transform", "identity_transform",
]  # fmt: skip


class Transform:
    """A smooth invertible map y = f(x) whose volume change is known.

    ``f(x)`` applies it, ``f.inv(y)`` inverts it, and ``log_abs_det_jacobian(x, y)`` is log |dy / dx|, summed over the
    ``domain.event_dim`` last dimensions.

    Parameters
    ----------
    cache_size : {0, 1}
        1: the last pair (x, y) is kept, so that the inverse of a value just made gives back the very x.

    Examples
    --------
    >>> from rustorch.distributions.transforms import ExpTransform
    >>> f = ExpTransform()
    >>> f.inv(f(rustorch.tensor(2.0)))
    tensor(2.)
    """

    bijective = False
    domain: Any = constraints.real
    codomain: Any = constraints.real
    sign: Any = 1  # of the slope, where the map is monotonic

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise rustorch.ArgumentValueError(f"cache_size must be 0 or 1, not {cache_size!r}")
        self._cache_size = cache_size
        self._cached: Any = (None, None)

    @property
    def inv(self) -> "Transform":
        """The inverse map."""
        return _Inverse(self)

    def with_cache(self, cache_size: int = 1) -> "Transform":
        """The same map that keeps its last pair, or does not."""
        import copy

        if cache_size == self._cache_size:
            return self
        new = copy.copy(self)
        Transform.__init__(new, cache_size)
        return new

    def __eq__(self, other: Any) -> bool:
        return self is other or (type(self) is type(other) and self._key() == other._key())

    __hash__ = object.__hash__

    def _key(self) -> tuple:
        return ()

    def __call__(self, x: Tensor) -> Tensor:
        if self._cached[0] is x:
            return self._cached[1]
        y = self._call(x)
        if self._cache_size:
            self._cached = (x, y)
        return y

    def _inv_call(self, y: Tensor) -> Tensor:
        if self._cached[1] is y:
            return self._cached[0]
        x = self._inverse(y)
        if self._cache_size:
            self._cached = (x, y)
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not say how to map a value")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy / dx|."""
        raise NotImplementedError(f"{type(self).__name__} does not say its volume change")

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of y for a shape of x."""
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of x for a shape of y."""
        return Size(shape)

    def __repr__(self) -> str:
        return type(self).__name__ + "()"


class _Inverse(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__(transform._cache_size)
        self._inv = transform

    domain = property(lambda self: self._inv.codomain)  # type: ignore[assignment]
    codomain = property(lambda self: self._inv.domain)  # type: ignore[assignment]
    bijective = property(lambda self: self._inv.bijective)  # type: ignore[assignment]
    sign = property(lambda self: self._inv.sign)

    @property
    def inv(self) -> Transform:
        return self._inv

    def _key(self) -> tuple:
        return (self._inv,)

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"{self._inv!r}.inv"


def _sum_last(x: Tensor, n: int) -> Tensor:
    return x.sum(tuple(range(-n, 0))) if n else x


class ComposeTransform(Transform):
    """Maps one after the other.

    >>> from rustorch.distributions.transforms import AffineTransform, ComposeTransform, ExpTransform
    >>> ComposeTransform([AffineTransform(1.0, 2.0), ExpTransform()])(rustorch.tensor(-0.5))
    tensor(1.)
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    def _key(self) -> tuple:
        return tuple(self.parts)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        if not self.parts:
            return constraints.real
        # The dimensions that the whole takes as one event: the first part's own, or more if a later part takes more.
        dim = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            dim = max(dim + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        domain = self.parts[0].domain
        return constraints.independent(domain, dim - domain.event_dim) if dim > domain.event_dim else domain

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        if not self.parts:
            return constraints.real
        dim = self.parts[0].domain.event_dim
        for part in self.parts:
            dim = max(dim + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        codomain = self.parts[-1].codomain
        return constraints.independent(codomain, dim - codomain.event_dim) if dim > codomain.event_dim else codomain

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether every part is."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:  # type: ignore[override]
        """The product of the signs of the parts."""
        sign: Any = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    @property
    def inv(self) -> Transform:
        return _Inverse(self)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inv_call(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.parts:
            return rustorch.zeros_like(x)
        total: Any = 0
        dim = self.domain.event_dim
        for i, part in enumerate(self.parts):
            after = y if i + 1 == len(self.parts) else part(x)
            total = total + _sum_last(part.log_abs_det_jacobian(x, after), dim - part.domain.event_dim)
            dim += part.codomain.event_dim - part.domain.event_dim
            x = after
        return total

    def forward_shape(self, shape: Sequence[int]) -> Size:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return Size(shape)

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if cache_size == self._cache_size else ComposeTransform(self.parts, cache_size)

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(repr(part) for part in self.parts) + "\n)"


class IndependentTransform(Transform):
    """A map whose last dimensions count as one event: their volume changes add up.

    >>> from rustorch.distributions.transforms import ExpTransform, IndependentTransform
    >>> f = IndependentTransform(ExpTransform(), 1)
    >>> x = rustorch.tensor([1.0, 2.0])
    >>> f.log_abs_det_jacobian(x, f(x))
    tensor(3.)
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size) if cache_size else base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    domain = property(lambda self: constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims))  # type: ignore[assignment]
    codomain = property(lambda self: constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims))  # type: ignore[assignment]
    bijective = property(lambda self: self.base_transform.bijective)  # type: ignore[assignment]
    sign = property(lambda self: self.base_transform.sign)

    def _key(self) -> tuple:
        return (self.base_transform, self.reinterpreted_batch_ndims)

    def _call(self, x: Tensor) -> Tensor:
        if x.dim() < self.domain.event_dim:
            raise rustorch.ShapeError("Too few dimensions on input")
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        if y.dim() < self.codomain.event_dim:
            raise rustorch.ShapeError("Too few dimensions on input")
        return self.base_transform._inv_call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return _sum_last(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """The last dimensions in another shape.

    >>> from rustorch.distributions.transforms import ReshapeTransform
    >>> ReshapeTransform((4,), (2, 2))(rustorch.zeros(3, 4)).shape
    rustorch.Size([3, 2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise rustorch.ShapeError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size)

    domain = property(lambda self: constraints.independent(constraints.real, len(self.in_shape)))  # type: ignore[assignment]
    codomain = property(lambda self: constraints.independent(constraints.real, len(self.out_shape)))  # type: ignore[assignment]

    def _key(self) -> tuple:
        return (self.in_shape, self.out_shape)

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    @staticmethod
    def _moved(shape: Sequence[int], old: Size, new: Size) -> Size:
        shape = Size(shape)
        if shape[len(shape) - len(old) :] != old:
            raise rustorch.ShapeError(f"Shape mismatch: expected {list(old)} at the end, but got {list(shape)}")
        return shape[: len(shape) - len(old)] + new

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return self._moved(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return self._moved(shape, self.out_shape, self.in_shape)


class ExpTransform(Transform):
    """y = e^x.

    >>> from rustorch.distributions.transforms import ExpTransform
    >>> ExpTransform()(rustorch.tensor(0.0))
    tensor(1.)
    """

    bijective = True
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(Transform):
    """y = x to the power of an exponent, of positive numbers.

    >>> from rustorch.distributions.transforms import PowerTransform
    >>> PowerTransform(2.0).inv(rustorch.tensor(9.0))
    tensor(3.)
    """

    bijective = True
    domain = codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent

    def _key(self) -> tuple:
        return (float(self.exponent),)

    @property
    def sign(self) -> Any:  # type: ignore[override]
        """That of the exponent."""
        return rustorch.as_tensor(self.exponent).sign()

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()


class SigmoidTransform(Transform):
    """y = 1 / (1 + e^-x).

    >>> from rustorch.distributions.transforms import SigmoidTransform
    >>> SigmoidTransform()(rustorch.tensor(0.0))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        info = rustorch.finfo(x.dtype)
        return rustorch.sigmoid(x).clamp(min=info.tiny, max=1.0 - info.eps)

    def _inverse(self, y: Tensor) -> Tensor:
        info = rustorch.finfo(y.dtype)
        y = y.clamp(min=info.tiny, max=1.0 - info.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -rustorch.nn.functional.softplus(-x) - rustorch.nn.functional.softplus(x)


class SoftplusTransform(Transform):
    """y = log(1 + e^x).

    >>> from rustorch.distributions.transforms import SoftplusTransform
    >>> f = SoftplusTransform()
    >>> f.inv(f(rustorch.tensor(1.0)))
    tensor(1.)
    """

    bijective = True
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return rustorch.nn.functional.softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -rustorch.nn.functional.softplus(-x)


class TanhTransform(Transform):
    """y = tanh(x).

    >>> from rustorch.distributions.transforms import TanhTransform
    >>> TanhTransform()(rustorch.tensor(0.0))
    tensor(0.)
    """

    bijective = True
    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return rustorch.atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2.0 * (math.log(2.0) - x - rustorch.nn.functional.softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|; the inverse takes x not negative.

    >>> from rustorch.distributions.transforms import AbsTransform
    >>> AbsTransform()(rustorch.tensor(-2.0))
    tensor(2.)
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """y = loc + scale × x.

    Parameters
    ----------
    event_dim : int
        How many last dimensions form one event.

    Examples
    --------
    >>> from rustorch.distributions.transforms import AffineTransform
    >>> AffineTransform(1.0, 2.0)(rustorch.tensor(3.0))
    tensor(7.)
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self.event_dim = loc, scale, event_dim

    @property
    def domain(self) -> Any:  # type: ignore[override]
        """Real numbers, or blocks of them."""
        return constraints.independent(constraints.real, self.event_dim) if self.event_dim else constraints.real

    codomain = domain

    def __eq__(self, other: Any) -> bool:
        def same(a: Any, b: Any) -> bool:
            return bool((rustorch.as_tensor(a) == rustorch.as_tensor(b)).all())

        return isinstance(other, AffineTransform) and same(self.loc, other.loc) and same(self.scale, other.scale)

    __hash__ = object.__hash__

    @property
    def sign(self) -> Any:  # type: ignore[override]
        """That of the scale."""
        return rustorch.as_tensor(self.scale).sign()

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        size = rustorch.as_tensor(self.scale, dtype=x.dtype).abs().log()
        shape = rustorch.broadcast_shapes(x.shape, size.shape)
        return _sum_last(size.expand(shape), self.event_dim)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return rustorch.broadcast_shapes(shape, getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ()))

    inverse_shape = forward_shape


class SoftmaxTransform(Transform):
    """From unconstrained vectors to probabilities; the inverse takes the logarithms.

    >>> from rustorch.distributions.transforms import SoftmaxTransform
    >>> SoftmaxTransform()(rustorch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return rustorch.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """From vectors of K - 1 numbers to K probabilities, by breaking a stick again and again; invertible.

    >>> from rustorch.distributions.transforms import StickBreakingTransform
    >>> StickBreakingTransform()(rustorch.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    bijective = True
    domain = constraints.real_vector
    codomain = constraints.simplex

    @staticmethod
    def _offset(n: int, like: Tensor) -> Tensor:
        return rustorch.arange(n, 0, -1, dtype=like.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        z = rustorch.sigmoid(x - self._offset(x.shape[-1], x))
        left = (1 - z).cumprod(-1)
        pad = rustorch.nn.functional.pad
        return pad(z, [0, 1], value=1) * pad(left, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        rest = (1 - head.cumsum(-1)).clamp(min=rustorch.finfo(y.dtype).tiny)
        return head.log() - rest.log() + self._offset(head.shape[-1], y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x.shape[-1], x)
        return (-x + rustorch.nn.functional.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return Size(shape)[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return Size(shape)[:-1] + (shape[-1] - 1,)


class LowerCholeskyTransform(Transform):
    """From square matrices to lower triangular ones with a positive diagonal: what lies above is dropped, the diagonal exponentiated.

    >>> from rustorch.distributions.transforms import LowerCholeskyTransform
    >>> LowerCholeskyTransform()(rustorch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + rustorch.diag_embed(x.diagonal(0, -2, -1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + rustorch.diag_embed(y.diagonal(0, -2, -1).log())


identity_transform = ComposeTransform([])
