"""Gradient modes, backward and grad, hooks, nodes, autograd.Function, Variable."""

import asyncio
import gc
import threading
import traceback
import weakref

import numpy as np
import pytest

import rustorch as rt
from rustorch.autograd import Function, Variable, grad
from rustorch.autograd.function import once_differentiable


def leaf(*values, dtype=rt.float64):
    return rt.tensor(list(values), dtype=dtype, requires_grad=True)


# Modes -------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def mode_is_left_as_it_was():
    assert rt.is_grad_enabled()
    yield
    assert rt.is_grad_enabled()


def test_contexts():
    x = leaf(1.0)
    with rt.no_grad():
        assert not rt.is_grad_enabled() and not (x * 2).requires_grad
        with rt.enable_grad():
            assert rt.is_grad_enabled() and (x * 2).requires_grad
            with rt.set_grad_enabled(False):
                assert not rt.is_grad_enabled()
            assert rt.is_grad_enabled()
        assert not rt.is_grad_enabled()
    with rt.inference_mode():
        assert rt.autograd.is_inference_mode_enabled() and not (x * 2).requires_grad
        with rt.inference_mode(False):
            assert not rt.autograd.is_inference_mode_enabled() and (x * 2).requires_grad
        assert rt.autograd.is_inference_mode_enabled()
    assert not rt.autograd.is_inference_mode_enabled()
    with pytest.raises(KeyError):
        with rt.no_grad():
            raise KeyError
    context = rt.no_grad()
    with context:
        with context:
            pass
        assert not rt.is_grad_enabled()


def test_inference_tensors():
    """They stay out of gradients after the mode, and in the mode nothing is in the way."""
    w = leaf(2.0, 3.0)
    with rt.inference_mode():
        x = rt.ones(2, dtype=rt.float64)
        x.add_(1)
        part = w[1:]
    assert x.is_inference() and x[1:].is_inference() and rt.is_inference(x) and not part.is_inference() and not w.is_inference()
    assert not (x + 1).is_inference() and not x.clone().is_inference() and not x.detach().is_inference()
    for refused in (lambda: x.add_(1), lambda: x.requires_grad_(), lambda: w * x, lambda: x.unsqueeze_(0)):
        with pytest.raises(rt.AutogradError, match="inference mode.*clone"):
            refused()
    (w + x).sum().backward()  # saves nothing
    assert w.grad.tolist() == [1, 1] and x.tolist() == [2, 2]
    assert [rt.inference_mode(mode).__enter__().__exit__(None, None, None) for mode in (True, False)] == [None, None]
    context = rt.inference_mode()
    with context, context:
        assert rt.is_inference_mode_enabled()
    assert not rt.is_inference_mode_enabled()


def test_gradients_that_are_zero():
    """Zeros, and not None: the loss does depend on the input."""
    for flat in (rt.sign, rt.floor, rt.ceil, rt.round, rt.trunc, lambda x: (x * 2).zero_(), lambda x: (x * 2).bernoulli_(0.5),
                 lambda x: (x * 2).copy_(rt.ones(2)), lambda x: (x * 2).fill_(3), lambda x: x**0):  # fmt: skip
        x = leaf(1.5, -2.5)
        flat(x).sum().backward()
        assert x.grad.tolist() == [0, 0]


def test_set_grad_enabled_acts_at_once():
    rt.set_grad_enabled(False)
    assert not rt.is_grad_enabled()
    rt.set_grad_enabled(True)
    assert rt.is_grad_enabled()
    context = rt.set_grad_enabled(False)
    with context:
        assert not rt.is_grad_enabled()
    assert rt.is_grad_enabled()
    with pytest.raises(TypeError):
        rt._C._set_grad_enabled("no")


@pytest.mark.parametrize(
    "make",
    [lambda: rt.no_grad, lambda: rt.no_grad(), lambda: rt.set_grad_enabled(False), lambda: rt.inference_mode, lambda: rt.inference_mode()],
    ids=["no_grad", "no_grad()", "set_grad_enabled", "inference_mode", "inference_mode()"],
)
def test_decorators(make):
    decorate = make()

    @decorate
    def f(x, *, y=1):
        """Documented."""
        assert not rt.is_grad_enabled()
        return f.__name__

    assert f(1, y=2) == "f" and f.__doc__ == "Documented."
    assert f(1) == "f"  # as often as one likes

    @decorate
    def g(n):
        for i in range(n):
            assert not rt.is_grad_enabled()
            try:
                got = yield i
            except ValueError:
                got = "caught"
            assert not rt.is_grad_enabled()
            if got is not None:
                yield got
        return "done"

    generator = g(3)
    assert next(generator) == 0 and rt.is_grad_enabled()
    assert generator.send("hello") == "hello" and rt.is_grad_enabled()
    assert next(generator) == 1
    assert generator.throw(ValueError()) == "caught" and rt.is_grad_enabled()
    assert list(generator) == [2]
    generator = g(2)
    next(generator)
    generator.close()

    def returns():
        return (yield from g(1))

    outer = returns()
    next(outer)
    with pytest.raises(StopIteration) as stop:
        next(outer)
    assert stop.value.value == "done"

    @decorate
    async def h():
        assert not rt.is_grad_enabled()
        await asyncio.sleep(0)
        assert not rt.is_grad_enabled()
        return 5

    async def two():
        task = asyncio.ensure_future(h())
        await asyncio.sleep(0)
        assert rt.is_grad_enabled()
        return await task

    assert asyncio.run(two()) == 5
    with pytest.raises(TypeError):
        decorate(3) if decorate is not rt.inference_mode else decorate("x")(3)
    with pytest.raises(TypeError):

        @decorate
        class C:
            pass


def test_mode_belongs_to_the_thread():
    seen = []
    with rt.no_grad():
        thread = threading.Thread(target=lambda: seen.append(rt.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# backward and grad -------------------------------------------------------------------------------------------------


def test_backward():
    x = leaf(1.0, 2.0)
    (x * x * 3).sum().backward()
    assert x.grad.tolist() == [6, 12] and x.grad.dtype == rt.float64
    assert x.grad is x.grad
    (x * 2).backward(rt.tensor([1.0, 10.0], dtype=rt.float64))
    assert x.grad.tolist() == [8, 32]
    x.grad = None
    rt.autograd.backward([x.sum(), (x * x).sum()])
    assert x.grad.tolist() == [3, 5]
    x.grad = None
    rt.autograd.backward([x * 1, x.sum()], [rt.tensor([1.0, 2.0], dtype=rt.float64), None])
    assert x.grad.tolist() == [2, 3]
    x.grad = None
    rt.autograd.backward(x.sum(), grad_variables=rt.tensor(2.0, dtype=rt.float64))
    assert x.grad.tolist() == [2, 2]


def test_backward_inputs():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    z.backward(inputs=[x], retain_graph=True)
    assert x.grad.tolist() == [3] and y.grad is None
    z.backward(inputs=y)
    assert y.grad.tolist() == [2] and x.grad.tolist() == [3]
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * y).backward(inputs=[])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: (x * 2).backward(), RuntimeError, "implicitly created only for scalar"),
        (lambda x: x.detach().sum().backward(), RuntimeError, "does not require grad"),
        (lambda x: x.sum().backward(1.0), TypeError, "Tensor"),
        (lambda x: (x * 2).backward(rt.ones(3)), RuntimeError, "shape"),
        (lambda x: x.sum().backward(nonsense=1), TypeError, "unexpected keyword"),
        (lambda x: x.sum().backward(retain_graph="yes"), TypeError, "retain_graph"),
        (lambda x: rt.autograd.backward(3), TypeError, "tensors"),
        (lambda x: rt.autograd.backward([x.sum()], [None, None]), RuntimeError, "1 tensors and 2 gradients"),
        (lambda x: rt.autograd.backward(x.sum(), x, grad_variables=x), ValueError, "both"),
        (lambda x: grad(x.sum(), rt.ones(2)), RuntimeError, "require"),
        (lambda x: grad(x.sum(), leaf(1.0)), RuntimeError, "not used in the graph"),
        (lambda x: grad(x.sum(), x, only_inputs=False), ValueError, "only_inputs"),
        (lambda x: grad(x * 2, x, rt.tensor(1.0), is_grads_batched=True), RuntimeError, "batched"),
        (lambda x: grad(x.sum(), x, allow_unused=False, materialize_grads=True), ValueError, "allow_unused"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf(1.0, 2.0))


def test_second_pass_needs_retain_graph():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8]
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()


def test_grad():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = (x * y * y).sum()
    gx, gy = grad(z, [x, y])
    assert gx.tolist() == [9, 16] and gy.tolist() == [6, 16] and x.grad is None
    (g,) = grad(x * 2, x, rt.tensor([1.0, 3.0], dtype=rt.float64))
    assert g.tolist() == [2, 6]
    assert grad(x.sum(), [x, y], allow_unused=True)[1] is None
    assert grad(x.sum(), [x, y], materialize_grads=True)[1].tolist() == [0, 0]
    (h,) = grad([x.sum(), (x * x).sum()], [x], [rt.tensor(10.0, dtype=rt.float64), None])
    assert h.tolist() == [12, 14]
    middle = x * 3
    (g,) = grad((middle * middle).sum(), middle)
    assert g.tolist() == [6, 12]


def test_higher_derivatives():
    x = leaf(2.0)
    y = x**4
    for expected in (32, 48, 48, 24):
        (y,) = grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected)
    w = leaf(3.0)
    (g,) = grad((w**3).sum(), w, create_graph=True)
    (g * g).sum().backward()  # d(3w²)²/dw = 36 w³
    assert w.grad.item() == pytest.approx(36 * 27)


def test_deep_graph():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    del y


def test_backward_from_several_threads():
    x = [leaf(*np.arange(100.0)) for _ in range(4)]

    def work(leaf):
        for _ in range(50):
            (leaf * leaf).sum().backward()

    threads = [threading.Thread(target=work, args=(each,)) for each in x]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in x:
        np.testing.assert_allclose(each.grad.numpy(), 100 * np.arange(100.0))


# Hooks -------------------------------------------------------------------------------------------------------------


def test_hooks_on_gradients():
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []
    first = y.register_hook(lambda g: seen.append(g.tolist()))
    second = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1], [10, 10]] and x.grad.tolist() == [30, 30]
    assert first.id != second.id
    first.remove()
    first.remove()
    second.remove()
    seen.clear()
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1]] and x.grad.tolist() == [33, 33]
    x.grad = None
    with x.register_hook(lambda g: -g):
        y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_hook_outlives_the_tensor_object():
    x = leaf(1.0)
    seen = []
    y = x * 2
    handle = y.register_hook(lambda g: seen.append(g.item()))
    z = y * 3
    del y
    gc.collect()
    z.backward(retain_graph=True)
    assert seen == [3]
    handle.remove()  # the tensor has no Python object any more
    z.backward()
    assert seen == [3]


def test_hooks_may_remove_hooks():
    x = leaf(1.0)
    handles = []
    seen = []

    def hook(g):
        seen.append(len(handles))
        for handle in handles:
            handle.remove()
        handles.clear()

    handles.extend([x.register_hook(hook), x.register_hook(hook), x.register_hook(hook)])
    (x * 2).backward()
    assert seen == [3]
    (x * 2).backward()
    assert seen == [3] and x.grad.item() == 4


def test_many_hooks_come_and_go():
    x = leaf(1.0)
    for _ in range(2000):
        x.register_hook(lambda g: None).remove()
    (x * 2).backward()
    assert x.grad.item() == 2


def test_post_accumulate_hook():
    x = leaf(1.0, 2.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    (x * 2).sum().backward()
    assert seen == [(True, [2, 2])]
    handle.remove()
    (x * 2).sum().backward()
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_exceptions_in_hooks():
    class Mine(Exception):
        pass

    def hook(g):
        raise Mine("from the hook")

    x = leaf(1.0)
    y = x * 2
    y.register_hook(hook)
    with pytest.raises(Mine, match="from the hook") as info:
        y.backward()
    assert any(frame.name == "hook" for frame in traceback.extract_tb(info.tb))
    assert rt.is_grad_enabled() and x.grad is None
    x.register_hook(lambda g: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        (x * 2).backward()
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(hook)
    with pytest.raises(Mine):
        (x * 2).backward()
    assert x.grad.item() == 2


@pytest.mark.parametrize("result, error", [(3, TypeError), (rt.ones(3), RuntimeError), (rt.ones(1, dtype=rt.float32), RuntimeError)])
def test_what_hooks_must_not_return(result, error):
    x = leaf(1.0)
    x.register_hook(lambda g: result)
    with pytest.raises(error, match="hook"):
        (x * 2).backward()


def test_hooks_need_a_gradient_and_a_callable():
    with pytest.raises(RuntimeError, match="does not require"):
        rt.ones(1).register_hook(print)
    with pytest.raises(TypeError, match="callable"):
        leaf(1.0).register_hook(3)


def test_retain_grad():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.tolist() == [4, 8] and x.grad.tolist() == [8, 16] and not x.retains_grad
    with pytest.raises(RuntimeError):
        rt.ones(1).retain_grad()


def test_backward_inside_a_hook():
    x, w = leaf(1.0), leaf(5.0)

    def hook(g):
        assert not rt.is_grad_enabled()  # the pass itself is not recorded
        with rt.enable_grad():
            (w * 2).backward()

    x.register_hook(hook)
    (x * 3).backward()
    assert x.grad.item() == 3 and w.grad.item() == 2


def test_cycles_through_hooks_are_collected():
    class Big:
        pass

    def make():
        x = leaf(1.0)
        big = Big()
        x.register_hook(lambda g: (x, big))  # x → hook → x
        y = x * 2
        y.register_hook(lambda g: (y, big))
        return weakref.ref(big)

    alive = make()
    gc.collect()
    assert alive() is None


# Nodes -------------------------------------------------------------------------------------------------------------


def test_nodes():
    x = leaf(1.0)
    y = x * 2
    z = (y + 1).sum()
    assert x.grad_fn is None
    node = z.grad_fn
    assert node is z.grad_fn and isinstance(node, rt.autograd.graph.Node)
    assert node.name() == "SumBackward0" and type(node).__name__ == "SumBackward0"
    assert repr(node).startswith("<SumBackward0 object at 0x")
    add = node.next_functions[0][0]
    assert add.name() == "AddBackward0" and type(add) is type((x + 1).grad_fn)
    mul = add.next_functions[0][0]
    assert mul is y.grad_fn
    accumulate, output = mul.next_functions[0]
    assert accumulate.name() == "AccumulateGrad" and output == 0 and accumulate.next_functions == ()
    assert (None, 0) in add.next_functions or len(add.next_functions) == 1
    node.metadata["key"] = 1
    assert node.metadata == {"key": 1}
    with pytest.raises(TypeError):
        type(node)()
    with pytest.raises(AttributeError):
        node.saved_tensors
    alive = weakref.ref(node)
    del node
    gc.collect()
    assert alive() is None
    chunk = x.reshape(1, 1).expand(2, 2)
    assert chunk.grad_fn.name() == "ExpandBackward0"


# Function ----------------------------------------------------------------------------------------------------------


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        assert not rt.is_grad_enabled()
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        return grad * result


class MulAdd(Function):
    @staticmethod
    def forward(ctx, x, y, factor, text="", z=None):
        ctx.save_for_backward(x, None, y)
        ctx.factor = factor
        ctx.text = text
        return x * y * factor, x + 1, "no tensor"

    @staticmethod
    def backward(ctx, g_mul, g_add, g_text):
        assert g_text is None
        x, nothing, y = ctx.saved_tensors
        assert nothing is None
        return g_mul * y * ctx.factor + g_add, g_mul * x * ctx.factor, None, None, None


def test_function():
    x = leaf(0.5, 1.0)
    y = Exp.apply(x)
    assert y.requires_grad and not y.is_leaf
    assert y.grad_fn.name() == "ExpBackward" and type(y.grad_fn).__name__ == "ExpBackward"
    assert y.grad_fn.saved_tensors[0].tolist() == y.tolist()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, 1.0]))
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    assert not Exp.apply(rt.ones(2)).requires_grad
    with rt.no_grad():
        assert not Exp.apply(x).requires_grad


def test_function_with_several_arguments():
    x, y = leaf(2.0), leaf(3.0)
    product, plus, text = MulAdd.apply(x, y, 10, "text")
    assert product.item() == 60 and plus.item() == 3 and text == "no tensor"
    assert (product.output_nr, plus.output_nr) == (0, 1)
    assert product.grad_fn is plus.grad_fn and product.grad_fn.factor == 10 and product.grad_fn.text == "text"
    (product + 5 * plus).backward()
    assert x.grad.item() == 35 and y.grad.item() == 20
    x.grad = y.grad = None
    MulAdd.apply(x, y, 10)[1].backward()  # the other gradient comes as zeros
    assert x.grad.item() == 1 and y.grad.item() == 0
    MulAdd.apply(x, rt.tensor([1.0], dtype=rt.float64), 1)[0].backward()


def test_function_second_derivative():
    x = leaf(0.5)
    for _ in range(3):
        (g,) = grad(Exp.apply(x), x, create_graph=True)
        (h,) = grad(g, x, create_graph=True)
        assert h.item() == pytest.approx(np.exp(0.5))
    assert rt.autograd.gradcheck(Exp.apply, x) and rt.autograd.gradgradcheck(Exp.apply, x)


def test_needs_input_grad_and_none():
    class Product(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return (g * y if ctx.needs_input_grad[0] else None), (g * x if ctx.needs_input_grad[1] else None)

    seen = []
    x = leaf(2.0)
    Product.apply(x, rt.tensor([3.0], dtype=rt.float64)).backward()
    assert seen == [(True, False)] and x.grad.item() == 3


def test_mark_non_differentiable():
    class Sort(Function):
        @staticmethod
        def forward(ctx, x):
            values, index = x.sort()
            positive = x > 0
            extra = x * 2
            ctx.mark_non_differentiable(index, extra)
            ctx.save_for_backward(index)
            return values, index, positive, extra

        @staticmethod
        def backward(ctx, g, g_index, g_positive, g_extra):
            (index,) = ctx.saved_tensors
            assert g_extra.tolist() == [0, 0]
            return rt.zeros_like(g).scatter(0, index, g)

    x = leaf(2.0, 1.0)
    values, index, positive, extra = Sort.apply(x)
    assert values.requires_grad and not index.requires_grad and not positive.requires_grad and not extra.requires_grad
    (values * rt.tensor([1.0, 10.0], dtype=rt.float64)).sum().backward()
    assert x.grad.tolist() == [10, 1]


def test_function_instances():
    class Double(Function):
        def __init__(self, factor=2):
            self.factor = factor

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Old(Function):
        def forward(self, x):
            return x * 2

    x = leaf(3.0)
    assert Double(5).factor == 5
    Double().apply(x).backward()
    assert x.grad.item() == 2
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        made = Old()
    with pytest.raises(rt.AutogradError, match="Old.apply"):
        made(x)


def test_mark_dirty():
    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            x += 1
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = leaf(1.0)
    y = x * 2
    z = AddOne.apply(y)
    assert z is y and y.item() == 3 and y.grad_fn.name() == "AddOneBackward"
    z.backward()
    assert x.grad.item() == 14
    with pytest.raises(RuntimeError, match="leaf"):
        AddOne.apply(x)
    plain = rt.ones(1)
    assert AddOne.apply(plain) is plain and plain.item() == 2

    class Forgets(AddOne):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 1

    with pytest.raises(RuntimeError, match="dirty"):
        Forgets.apply(x * 2)


def test_returning_an_input():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, g):
            assert ctx.saved_tensors[0] is x
            return g * 5

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x and y.data_ptr() == x.data_ptr() and not y.is_leaf
    y.backward()
    assert x.grad.item() == 5


def test_materialize_grads():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            seen.append((a is None, b is None))
            return b

    seen = []
    x = leaf(1.0)
    Two.apply(x)[1].backward()
    assert seen == [(True, False)]


def test_setup_context_and_keywords():
    class Scale(Function):
        @staticmethod
        def forward(x, factor=3.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.factor = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def vjp(ctx, g):
            return g * ctx.factor, None

    x = leaf(1.0)
    Scale.apply(x).backward()
    Scale.apply(x, 4.0).backward()
    Scale.apply(x, factor=5.0).backward()
    assert x.grad.item() == 12
    with pytest.raises(TypeError):
        Exp.apply(x=x)


def test_once_differentiable():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return rt.from_numpy(2 * x.detach().numpy() * g.numpy())

    x = leaf(3.0)
    Square.apply(x).backward()
    assert x.grad.item() == 6
    (g,) = grad(Square.apply(x), x, create_graph=True)
    assert g.item() == 6 and g.requires_grad
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


class Bad(Function):
    result = None

    @staticmethod
    def forward(ctx, x, y):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        if isinstance(Bad.result, Exception):
            raise Bad.result
        return Bad.result


@pytest.mark.parametrize(
    "result, error, message",
    [
        ((rt.ones(2),), RuntimeError, r"incorrect number of gradients \(expected 2, got 1\)"),
        ((None, None, rt.ones(2)), RuntimeError, "incorrect number"),
        ((None, rt.ones(2)), RuntimeError, "position 2"),
        ((3, None), TypeError, "int"),
        ((rt.ones(3), None), RuntimeError, "shape"),
        (ZeroDivisionError("mine"), ZeroDivisionError, "mine"),
    ],
)
def test_wrong_backward(result, error, message):
    Bad.result = result
    x = leaf(1.0, 2.0)
    with pytest.raises(error, match=message):
        Bad.apply(x, 5).sum().backward()


def test_wrong_functions():
    class Nothing(Function):
        pass

    with pytest.raises(NotImplementedError, match="forward"):
        Nothing.apply(1)

    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    y = NoBackward.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="backward"):
        y.backward()

    class Raises(Function):
        @staticmethod
        def forward(ctx, x):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        Raises.apply(leaf(1.0))

    class Saves(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)

    with pytest.raises(TypeError, match="save_for_backward"):
        Saves.apply(leaf(1.0))


def test_saved_tensors_are_checked():
    x = leaf(1.0)
    y = x * 2
    z = Product2.apply(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an in-place operation"):
        z.backward()


class Product2(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


def test_what_was_saved_is_freed():
    x = leaf(*np.ones(10))
    saved = []

    class Keep(Function):
        @staticmethod
        def forward(ctx, x):
            t = x * 2
            saved.append(weakref.ref(t))
            ctx.save_for_backward(t)
            ctx.held = t
            return t * 1

        @staticmethod
        def backward(ctx, g):
            ctx.held = None
            ctx.saved_tensors
            return g * 2

    y = Keep.apply(x).sum()
    y.backward()
    gc.collect()
    assert saved[0]() is None  # although y and its graph are still there


def test_cycle_through_ctx_is_collected():
    class Big:
        pass

    class Cycle(Function):
        @staticmethod
        def forward(ctx, x, holder):
            ctx.holder = holder
            return x * 1

    def make():
        holder = [Big()]
        y = Cycle.apply(leaf(1.0), holder)
        holder.append(y)  # y → node → ctx → holder → y
        return weakref.ref(holder[0])

    alive = make()
    gc.collect()
    assert alive() is None


def test_deep_graph_of_functions():
    class Plus(Function):
        @staticmethod
        def forward(ctx, x):
            return x + 1

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(0.0)
    y = x
    for _ in range(20_000):
        y = Plus.apply(y)
    y.backward()
    assert x.grad.item() == 1


def test_function_in_threads():
    def work():
        for _ in range(100):
            x = leaf(1.0)
            Exp.apply(x).backward()
            results.append(x.grad.item())

    results = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 400 and all(r == pytest.approx(np.exp(1.0)) for r in results)


# Variable ----------------------------------------------------------------------------------------------------------


def test_variable():
    x = Variable(rt.tensor([2.0, 3.0]))
    assert isinstance(x, rt.Tensor) and x.requires_grad and x.grad() is None and not x.grad
    z = ((x**2 + 3 * x) * x.exp()).sum()
    z.backward()
    assert z.data().item() == pytest.approx(435.4302, abs=1e-3)
    np.testing.assert_allclose(x.grad().numpy(), [125.6140, 542.3095], atol=1e-3)
    np.testing.assert_allclose(x.grad.numpy(), x.grad().numpy())
    assert x.data().tolist() == x.data.tolist() == [2, 3]
    x.zero_grad()
    assert x.grad() is None
    x.grad = rt.ones(2)
    assert x.grad().tolist() == [1, 1]
    handle = x.register_hook(lambda g: g * 2)
    x.remove_hook(handle)
    assert not Variable(rt.tensor([1, 2])).requires_grad
    assert not Variable(rt.tensor([1.0]), requires_grad=False).requires_grad
    assert not Variable(rt.tensor([1.0]), volatile=True).requires_grad
    source = rt.zeros(2)
    Variable(source, requires_grad=False).add_(1)
    assert source.tolist() == [1, 1]
    assert Variable([1.0, 2.0]).tolist() == [1, 2]


def test_data_may_be_called():
    x = rt.tensor([1.0], requires_grad=True)
    assert x.data().tolist() == [1] and not x.data.requires_grad
    assert repr(x.data) == "tensor([1.])" and type(x.data * 2) is rt.Tensor
    with pytest.raises(TypeError):
        x.data(1)
    with pytest.raises(TypeError):
        x()
