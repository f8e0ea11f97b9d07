"""Training by few words: ``Model`` with layers, ``compile``, ``fit``, ``evaluate`` and ``predict``, as in Keras 3; ``Trainer``.

Examples
--------
>>> import rustorch
>>> from rustorch.training import Model, TrainerConfig, Trainer
>>> model = Model("line")
>>> model.add("Dense(1)")
>>> model.compile(optimizer="sgd", loss="mse")
>>> x = rustorch.linspace(-1, 1, 32).reshape(-1, 1)
>>> history = model.fit(x, 3 * x - 1, epochs=2, verbose=False)
>>> len(history.train_loss())
2
"""

import importlib as _importlib

_NAMES = {
    "Model": "model",
    "TrainingHistory": "history",
    "Trainer": "trainer",
    "TrainerConfig": "trainer",
    "ModelBuilder": "builder",
}
_MODULES = (
    "activations", "callbacks", "history", "initializers", "layers", "losses", "metrics", "model", "optimizers", "parser", "regularizers",
    "summary", "trainer", "builder",
)  # fmt: skip
_ELSEWHERE = {  # Keras's words
    "Sequential": "rustorch.Model(layers)", "load_model": "rustorch.utils.load_model(path) or rustorch.Model.load(path)",
    "model_from_json": "rustorch.Model.from_config(json.loads(text))", "clone_model": "rustorch.Model.from_config(model.get_config())",
    "Input": "rustorch.training.layers.Input(shape)",
}  # fmt: skip
# Callbacks are found here as well: EarlyStopping, ModelCheckpoint, …
__all__ = [
    "Model", "ModelBuilder", "Trainer", "TrainerConfig", "TrainingHistory", "callbacks", "layers", "losses", "metrics",
    "optimizers",
]  # fmt: skip


def __getattr__(name):  # imported when first asked for
    if name in _NAMES:
        found = getattr(_importlib.import_module("." + _NAMES[name], __name__), name)
    elif name in _MODULES:
        return _importlib.import_module("." + name, __name__)
    elif name.startswith("_"):
        raise AttributeError(f"module 'rustorch.training' has no attribute '{name}'")
    else:
        callbacks = _importlib.import_module(".callbacks", __name__)
        if name not in callbacks.__all__:
            hint = f": it is {_ELSEWHERE[name]} here" if name in _ELSEWHERE else ""
            raise AttributeError(f"module 'rustorch.training' has no attribute '{name}'{hint}")
        found = getattr(callbacks, name)
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *_NAMES, *_MODULES, *__all__})
