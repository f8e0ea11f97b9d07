"""gradcheck and gradgradcheck: they pass what is right and find what is wrong."""

import pytest

import rustorch as rt
from rustorch.autograd import Function, gradcheck, gradgradcheck


def leaf(*shape):
    return (rt.arange(1.0, 1 + int(rt.ones(shape).sum().item())).reshape(shape).double() / 3).requires_grad_()


@pytest.mark.parametrize(
    "function, n",
    [
        (lambda x: x * x, 1),
        (lambda x, y: x * y + y.exp(), 2),
        (lambda x, y: (x / y, x.sin()), 2),
        (lambda x: x.sum(), 1),
        (lambda x: x.t(), 1),
        (lambda x: (x * 2, x > 1), 1),
        (lambda x: x @ x.t(), 1),
    ],
)
def test_right(function, n):
    inputs = tuple(leaf(2, 3) for _ in range(n))
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)
    assert gradgradcheck(function, inputs, gen_non_contig_grad_outputs=True)


def test_inputs():
    x = leaf(2, 3)
    assert gradcheck(lambda x: x * 2, x)  # a single tensor
    assert gradcheck(lambda x, k, y: x * k * y, (x, 3, rt.ones(2, 3).double()))
    strided = leaf(3, 4).detach()[::2, 1:3].requires_grad_()
    assert gradcheck(lambda x: x * x, strided)
    assert gradcheck(lambda x: x.sum() * 0 + 3, rt.ones(0, 2).double().requires_grad_())
    values = x.tolist()
    gradcheck(lambda x: x * x, x)
    assert x.tolist() == values and x.grad is None
    with pytest.raises(ValueError, match="at least one input"):
        gradcheck(lambda x: x, rt.ones(2))
    with pytest.warns(UserWarning, match="double"):
        gradcheck(lambda x: x * 2, rt.ones(2).requires_grad_(), eps=1e-2, atol=1e-2)
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 2, rt.ones(1).double().expand(3).requires_grad_())
    with pytest.raises(ValueError, match="no floating-point"):
        gradcheck(lambda x: x > 1, x)
    with pytest.raises(ZeroDivisionError):  # what the function raises is not taken for a wrong gradient
        gradcheck(lambda x: 1 / 0, x, raise_exception=False)


def wrong(factor):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return ctx.saved_tensors[0] * g * factor

    return Wrong.apply


def test_finds_wrong_gradients():
    x = leaf(2, 2)
    assert gradcheck(wrong(2.0), x)
    with pytest.raises(rt.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(wrong(2.1), x)
    assert gradcheck(wrong(2.1), x, raise_exception=False) is False
    assert gradcheck(wrong(2.1), x, rtol=0.1)
    assert gradcheck(lambda x: x.detach() * 2 + x, x, raise_exception=False) is False
    assert gradcheck(lambda x: x.detach() * 2, x, raise_exception=False) is False
    assert gradcheck(lambda x: x.detach() * 0, x)


def test_fast_mode_looks_once():
    calls = []

    def counted(x):
        calls.append(1)
        return wrong(2.0)(x).sum(1)

    assert gradcheck(counted, leaf(20, 20), fast_mode=True) and len(calls) < 10
    assert gradcheck(lambda x, y: (x @ y, x.sum() * 0 + 1), (leaf(3, 4), leaf(4, 2)), fast_mode=True)
    assert gradgradcheck(lambda x, y: (x @ y).tanh(), (leaf(3, 4), leaf(4, 2)), fast_mode=True, check_batched_grad=True)
    assert gradcheck(lambda x: x * 2, rt.ones(0, 3).double().requires_grad_(), fast_mode=True)
    with pytest.raises(rt.autograd.GradcheckError, match="Jacobian mismatch"):
        gradcheck(wrong(2.1), leaf(20, 20), fast_mode=True)
    x = leaf(3)
    with pytest.raises(rt.autograd.GradcheckError):  # right only where the elements of the gradient are equal
        gradcheck(lambda x: rt.stack([wrong(2.0)(x), x.detach() * 2 + wrong(1.0)(x)]), x, fast_mode=True)


def drifting(step):
    """A function whose gradient grows by `step` of itself with each call of backward."""

    class Drifting(Function):
        calls = 0

        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            Drifting.calls += 1
            return g * (1 + step * Drifting.calls)

    return Drifting


def test_batched_gradients_are_checked():
    Loose = drifting(1e-6)
    assert gradcheck(lambda x: (x * x, x.sum()), leaf(2, 3), check_batched_grad=True)
    assert gradcheck(Loose.apply, leaf(2), nondet_tol=1e-3)
    with pytest.raises(rt.autograd.GradcheckError, match="batched gradients of output 0"):
        gradcheck(Loose.apply, leaf(2), nondet_tol=1e-3, check_batched_grad=True)


def test_derivatives_in_forward_mode_are_refused():
    for option in ("check_forward_ad", "check_batched_forward_grad"):
        with pytest.raises(rt.UnsupportedError, match=option):
            gradcheck(lambda x: x * 2, leaf(2), **{option: True})
    with pytest.raises(rt.UnsupportedError, match="check_fwd_over_rev"):
        gradgradcheck(lambda x: x * 2, leaf(2), check_fwd_over_rev=True)
    with pytest.raises(ValueError, match="nothing would be checked"):
        gradcheck(lambda x: x * 2, leaf(2), check_backward_ad=False)


def test_finds_wrong_second_gradients():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0].detach() * g  # right once, wrong twice

    x = leaf(3)
    assert gradcheck(Square.apply, x)
    with pytest.raises(rt.autograd.GradcheckError):
        gradgradcheck(Square.apply, x)
    assert gradgradcheck(Square.apply, x, raise_exception=False) is False


def test_finds_what_ignores_its_gradient():
    class Ignores(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return rt.ones_like(g) * 3 * (g != 0) + (g == 0) * (g.sum() == 0)

    with pytest.raises(rt.autograd.GradcheckError, match="not multiplied"):
        gradcheck(Ignores.apply, leaf(1))


def test_finds_chance():
    Chance = drifting(1e-7)
    with pytest.raises(rt.autograd.GradcheckError, match="reentrant"):
        gradcheck(Chance.apply, leaf(2))
    assert gradcheck(Chance.apply, leaf(2), nondet_tol=1e-3)


def test_undefined_gradients():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            return None if a is None or b is None else a + 2 * b

    with pytest.raises(rt.autograd.GradcheckError):
        gradcheck(Two.apply, leaf(2))
