"""Public names: each in ``__all__`` exists, has a docstring and an example that runs; the stubs and docs/ops.md name the same ops."""

import importlib
import inspect
import os
import pkgutil
import re

import calls
import pytest

import rustorch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RIGHT = {calls.parse(call)[0] for call in calls.right_calls() + calls.our_calls()}
# How many names of a package may still lack an example: a number here only ever becomes smaller. test_docs.py runs the examples.
WITHOUT_EXAMPLE = {
    "rustorch.training.initializers": 1, "rustorch.training.layers": 68, "rustorch.training.layers.convolution": 8,
    "rustorch.training.layers.core": 10, "rustorch.training.layers.normalization": 2, "rustorch.training.layers.pooling": 18,
    "rustorch.training.layers.recurrent": 2, "rustorch.training.layers.regularization": 7, "rustorch.training.optimizers": 2,
    "rustorch.training.parser": 2, "rustorch.training.summary": 1,
}  # fmt: skip


def modules():
    """Every module that no part of the path hides by an underscore."""
    yield "rustorch"
    for found in pkgutil.walk_packages(rustorch.__path__, "rustorch."):
        source = getattr(found.module_finder.find_spec(found.name.rpartition(".")[2]), "origin", None) or ""
        if source.endswith(".py") and not any(part.startswith("_") for part in found.name.split(".")):
            yield found.name


def names(module):
    """What a module offers: its ``__all__``; the package itself offers what does not begin with an underscore."""
    if module is rustorch:
        return [name for name in dir(rustorch) if not name.startswith(("_", "Py"))]  # also what is imported when asked for
    return [name for name in getattr(module, "__all__", ()) if not name.startswith("_")]  # PyTorch has some that do


def needs_words(thing):
    """Functions and classes of ours; not constants, modules, and what comes from Python itself."""
    own = (getattr(thing, "__module__", None) or "rustorch").startswith("rustorch")
    return own and (inspect.isroutine(thing) or inspect.isclass(thing) or type(thing).__name__ == "op_function")


def has_example(name, thing):
    """In the docstring; for an op of the table the right call in calls.py, which test_bad_calls.py runs; errors have docs/errors.md."""
    if ">>>" in (thing.__doc__ or "") or (inspect.isclass(thing) and issubclass(thing, BaseException) and hasattr(rustorch._C, thing.__name__)):
        return True
    known = {name, name.rstrip("_"), thing.__name__, thing.__name__.rstrip("_")}
    return type(thing).__name__ == "op_function" and bool(known & RIGHT)


@pytest.mark.parametrize("name", list(modules()))
def test_public_names(name):
    module = importlib.import_module(name)
    offered = names(module)
    assert len(set(offered)) == len(offered), "a name stands twice in __all__"
    for public in offered:
        assert hasattr(module, public), f"{name}.__all__ has {public}, {name} has not"
    things = {public: getattr(module, public) for public in offered}
    silent = [public for public, thing in things.items() if needs_words(thing) and not (thing.__doc__ or "").strip()]
    assert not silent, f"without a docstring: {silent}"
    bare = [public for public, thing in things.items() if needs_words(thing) and not has_example(public, thing)]
    assert len(bare) <= WITHOUT_EXAMPLE.get(name, 0), f"{name}: {len(bare)} names without an example: {bare}"


def test_no_package_is_excused_for_nothing():
    assert set(WITHOUT_EXAMPLE) <= set(modules())
    assert all(count > 0 for count in WITHOUT_EXAMPLE.values())


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def test_stubs_and_docs_name_the_same_ops():
    ops = {name for name, op in vars(rustorch._C._ops).items() if type(op).__name__ == "op_function"}
    stub = set(re.findall(r"^def (\w+)\(", read("python", "rustorch", "_C", "_ops.pyi"), re.M))
    assert ops == stub
    documented = set(re.findall(r"`(\w+)", read("docs", "ops.md")))
    missing = {name for name in ops if name not in documented and name.rstrip("_") not in documented}
    assert not missing, sorted(missing)
    methods = {name for name, op in vars(rustorch.Tensor).items() if type(op).__name__ == "op_method" and not name.startswith("__")}
    body = read("python", "rustorch", "_C", "__init__.pyi")
    tensor = body[body.index("class Tensor") :]
    assert methods <= set(re.findall(r"^    def (\w+)\(", tensor, re.M))


def test_a_missing_name_says_why():
    for name, word in (("complex64", "complex"), ("sparse_coo_tensor", "sparse"), ("quantize_per_tensor", "quantis"), ("float8_e4m3fn", "dtype")):
        with pytest.raises(AttributeError, match=word):
            getattr(rustorch, name)
        assert not hasattr(rustorch, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'$"):
        rustorch.nonsense
    for name in ("view_as_real", "polar", "stft"):
        with pytest.raises(rustorch.UnsupportedError, match="complex"):
            getattr(rustorch, name)(rustorch.zeros(2))
    with pytest.raises(rustorch.UnsupportedError, match="fft.rfft.*complex"):
        rustorch.fft.rfft(rustorch.zeros(2))
