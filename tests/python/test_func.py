"""torch.func's transforms of functions: derivatives against formulas, nesting, structures, and what flows to the outside."""

import pytest

import rustorch as rt
from rustorch import nn
from rustorch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, stack_module_state, vjp, vmap

A = rt.tensor([[1.0, 2.0, 0.5], [-1.0, 0.3, 2.0]], dtype=rt.float64)
X = rt.tensor([0.5, -1.0, 2.0], dtype=rt.float64)


def f(x):
    return (A @ x).tanh()


def test_jacobians():
    want = (1 - f(X) ** 2)[:, None] * A
    for transform in (jacrev, jacfwd):
        assert rt.allclose(transform(f)(X), want)
    value, pull = vjp(f, X)
    assert rt.allclose(value, f(X)) and not value.requires_grad
    assert rt.allclose(pull(rt.tensor([1.0, -2.0], dtype=rt.float64))[0], want.T @ rt.tensor([1.0, -2.0], dtype=rt.float64))
    tangent = rt.tensor([0.1, 0.2, 0.3], dtype=rt.float64)
    assert rt.allclose(jvp(f, (X,), (tangent,))[1], want @ tangent)
    assert rt.allclose(linearize(f, X)[1](tangent), want @ tangent)


def test_nesting():
    third = grad(grad(grad(lambda x: x**4)))
    assert third(rt.tensor(2.0)).item() == 48.0
    h = hessian(lambda x: (x[0] ** 2 * x[1] + x[2] ** 3))(X)
    assert rt.allclose(h, rt.tensor([[-2.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 12.0]], dtype=rt.float64))
    assert rt.allclose(jacfwd(jacrev(lambda x: (x**3).sum()))(X), rt.diag(6 * X))
    assert rt.allclose(jacrev(jacfwd(lambda x: (x**3).sum()))(X), rt.diag(6 * X))


def test_structures():
    def loss(parameters, x, scale=1.0):
        return (parameters["w"] * x).sum() * scale + parameters["b"] ** 2, {"x": x * 2}

    parameters = {"w": rt.ones(3, dtype=rt.float64), "b": rt.tensor(3.0, dtype=rt.float64)}
    (found, aux) = grad(loss, has_aux=True)(parameters, X, scale=2.0)
    assert rt.equal(found["w"], 2 * X) and found["b"].item() == 6.0 and rt.equal(aux["x"], 2 * X)
    assert not found["w"].requires_grad and parameters["w"].grad is None and not parameters["w"].requires_grad
    gradient, (value, aux) = grad_and_value(loss, argnums=(0, 1), has_aux=True)(parameters, X)
    assert value.item() == 10.5 and rt.equal(gradient[1], parameters["w"])
    pairs = jacrev(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(X, X)
    assert rt.equal(pairs[0][0], rt.diag(X)) and rt.equal(pairs[1][0], rt.ones(3, dtype=rt.float64)) and rt.equal(pairs[1][1], rt.zeros(3, dtype=rt.float64))


def test_gradients_reach_what_is_outside():
    w = rt.tensor(3.0, requires_grad=True)
    slope = grad(lambda x: w * x**2)(rt.tensor(2.0))  # 2 w x
    slope.backward()
    assert slope.item() == 12.0 and w.grad.item() == 4.0
    x = rt.tensor(2.0, requires_grad=True)
    grad(lambda v: v**3)(x).backward()
    assert x.grad.item() == 12.0
    with rt.no_grad():
        assert grad(lambda v: v**3)(rt.tensor(2.0)).item() == 12.0


def test_vmap():
    x, y = rt.rand(4, 3), rt.rand(3, 5)
    assert rt.allclose(vmap(rt.matmul, in_dims=(0, None))(x, y), x @ y)
    assert vmap(lambda a: (a, {"sum": a.sum()}), in_dims=1, out_dims=(1, 0))(x)[0].shape == (4, 3)
    per_sample = vmap(grad(lambda w, v: (w * v).sum() ** 2), in_dims=(None, 0))(y[:, 0], x)
    assert rt.allclose(per_sample, 2 * (x @ y[:, :1]) * x)
    same = vmap(lambda a: rt.rand(2), randomness="same")(x)
    assert rt.equal(same[0], same[3])
    different = vmap(lambda a: rt.rand(2), randomness="different")(x)
    assert not rt.equal(different[0], different[3])


def test_modules():
    models = [nn.Linear(3, 2) for _ in range(4)]
    params, buffers = stack_module_state(models)
    x = rt.rand(5, 3)
    found = vmap(lambda p, b: functional_call(models[0], (p, b), (x,)))(params, buffers)
    assert found.shape == (4, 5, 2) and rt.allclose(found[2], models[2](x))
    gradient = grad(lambda p: functional_call(models[0], p, x).square().sum())(dict(models[0].named_parameters()))
    models[0](x).square().sum().backward()
    assert rt.allclose(gradient["weight"], models[0].weight.grad)
    with pytest.raises(ValueError, match="several"):
        functional_call(models[0], ({"weight": x}, {"weight": x}), (x,))


def test_batched_gradients():
    x = rt.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    (rows,) = rt.autograd.grad(y, x, rt.eye(2), is_grads_batched=True)
    assert rows.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    with pytest.raises(ValueError, match="is_grads_batched"):
        rt.autograd.grad(x**2, x, is_grads_batched=True)


def test_errors():
    with pytest.raises(ValueError, match="scalar"):
        grad(lambda x: x)(X)
    with pytest.raises(TypeError, match="aux"):
        grad(lambda x: x.sum(), has_aux=True)(X)
    with pytest.raises(TypeError, match="floating-point"):
        grad(lambda x: x.sum())(rt.tensor([1]))
    with pytest.raises(ValueError, match="argnums"):
        grad(lambda x: x.sum(), argnums=1)(X)
    with pytest.raises(ValueError, match="one size"):
        vmap(rt.add)(rt.ones(2), rt.ones(3))
    with pytest.raises(ValueError, match="randomness"):
        vmap(rt.add, randomness="none")
    with pytest.raises(ValueError, match="shapes"):
        jvp(f, (X,), (rt.ones(2),))
