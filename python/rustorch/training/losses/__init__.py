"""The losses of ``Model.compile``: Keras 3's by name, class and function, PyTorch's by name, and any callable.

:func:`get` makes a :class:`Loss` of what ``compile(loss=…)`` takes. A loss is called with ``(y_true, y_pred)``, Keras's order,
and differentiable; wherever one exists a fused kernel computes.

Examples
--------
>>> import rustorch as torch
>>> from rustorch.training import losses
>>> losses.get("mse")(torch.tensor([[1.0]]), torch.tensor([[3.0]]))
tensor(4.)
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from rustorch import nn
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.nn import functional as F
from rustorch.training import _custom
from rustorch.training._names import did_you_mean, listed, plain
from rustorch.training.losses._base import EPSILON, FunctionLoss, Loss
from rustorch.training.losses._torch import TorchLoss
from rustorch.training.losses.binary import (
    BinaryCrossentropy, BinaryFocalCrossentropy, binary_crossentropy, binary_focal_crossentropy,
)  # fmt: skip
from rustorch.training.losses.crossentropy import (
    CategoricalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy, SparseCategoricalCrossentropy,
    categorical_crossentropy, categorical_focal_crossentropy, categorical_generalized_cross_entropy, sparse_categorical_crossentropy,
)  # fmt: skip
from rustorch.training.losses.distributions import CTC, KLDivergence, Poisson, ctc, kl_divergence, poisson
from rustorch.training.losses.margin import (
    Circle, CategoricalHinge, Dice, Hinge, SquaredHinge, Tversky, categorical_hinge, circle, dice, hinge, squared_hinge, tversky,
)  # fmt: skip
from rustorch.training.losses.regression import (
    CosineSimilarity, Huber, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError,
    SmoothL1, cosine_similarity, huber, log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error, smooth_l1,
)  # fmt: skip

__all__ = [
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CTC", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy", "CategoricalHinge", "Circle", "CosineSimilarity", "Dice", "FunctionLoss", "Hinge", "Huber",
    "KLDivergence", "LogCosh", "Loss", "LossFunctionWrapper", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "SmoothL1", "SparseCategoricalCrossentropy", "SquaredHinge", "TorchLoss", "Tversky",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy", "categorical_hinge", "circle", "cosine_similarity", "ctc", "deserialize", "dice", "get",
    "hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "names", "poisson", "serialize", "smooth_l1", "sparse_categorical_crossentropy",
    "squared_hinge", "tversky",
]  # fmt: skip

LossFunctionWrapper = FunctionLoss


def _by_shape(y_true: Any, y_pred: Any) -> Loss:
    """What ``"crossentropy"`` means: by the shapes, as Keras has it."""
    if y_pred.shape[-1] == 1 or y_pred.dim() < 2:
        return BinaryCrossentropy()
    if y_true.dim() < y_pred.dim() or y_true.shape[-1] == 1:
        return SparseCategoricalCrossentropy()
    return CategoricalCrossentropy()


class _Crossentropy(Loss):
    """``"crossentropy"``: binary, of class numbers or of one-hot rows, as the first batch shows."""

    def __init__(self) -> None:
        super().__init__("crossentropy")
        self._found: Optional[Loss] = None

    def _loss(self, y_true: Any, y_pred: Any) -> Loss:
        if self._found is None:
            self._found = _by_shape(y_true, y_pred)
        return self._found

    def weighed(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        return self._loss(y_true, y_pred).weighed(y_true, y_pred, sample_weight, mask)

    def by_value(self, y_true: Any, y_pred: Any) -> Any:
        return self._loss(y_true, y_pred).by_value(y_true, y_pred)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._loss(y_true, y_pred).call(y_true, y_pred)


# One row a loss: its class, then its names besides the class's own and the function's.
_CLASSES = [
    (MeanSquaredError, "mse", "mse_loss", "l2"),
    (MeanAbsoluteError, "mae", "l1", "l1_loss"),
    (MeanAbsolutePercentageError, "mape"),
    (MeanSquaredLogarithmicError, "msle"),
    (Huber, "huber_loss"),
    (SmoothL1, "smooth_l1", "smooth_l1_loss"),
    (LogCosh, "logcosh"),
    (CosineSimilarity, "cosine"),
    (CategoricalCrossentropy,),
    (SparseCategoricalCrossentropy,),
    (BinaryCrossentropy, "bce", "bce_loss"),
    (BinaryFocalCrossentropy,),
    (CategoricalFocalCrossentropy,),
    (CategoricalGeneralizedCrossEntropy,),
    (KLDivergence, "kld", "kullback_leibler_divergence"),
    (Poisson,),
    (CTC,),
    (Hinge,),
    (SquaredHinge,),
    (CategoricalHinge,),
    (Dice,),
    (Tversky,),
    (Circle,),
]  # fmt: skip
_MAKERS: Dict[str, Callable[..., Loss]] = {plain(name): row[0] for row in _CLASSES for name in (row[0].__name__, *row[1:])}  # type: ignore
# PyTorch's functions, called as function(input, target), and their names.
_FUNCTIONS = {
    F.cross_entropy: ("cross_entropy_loss", "cross_entropy_with_logits"),
    F.binary_cross_entropy_with_logits: ("bce_with_logits", "bce_with_logits_loss", "binary_cross_entropy_with_logits"),
    F.nll_loss: ("nll", "nll_loss"),
}
_MAKERS.update({plain(name): partial(TorchLoss, function) for function, row in _FUNCTIONS.items() for name in row})
# Where an underscore makes the difference: PyTorch's cross_entropy takes scores, Keras's crossentropy probabilities.
_EXACT: Dict[str, Callable[..., Loss]] = {
    "cross_entropy": partial(TorchLoss, F.cross_entropy), "crossentropy": _Crossentropy, "ce": _Crossentropy,
}  # fmt: skip


def names() -> List[str]:
    """The names that :func:`get` knows, one a loss.

    >>> from rustorch.training import losses
    >>> losses.names()[:3]
    ['bce_with_logits', 'binary_crossentropy', 'binary_focal_crossentropy']
    """
    found = {inspect.signature(row[0].__init__).parameters["name"].default for row in _CLASSES} - {"huber_loss"}  # type: ignore
    return sorted(found | {"huber", "cross_entropy", "bce_with_logits", "nll"})


def _named(text: str) -> Loss:
    from rustorch.training._spec import Spec

    spec = Spec.of("loss", text) if "(" in text else Spec("loss", text)
    maker = _EXACT.get(spec.name.strip().casefold()) or _MAKERS.get(plain(spec.name))
    if maker is None:
        known = [*names(), "mse", "mae", "mape", "msle", "bce", "kld", "crossentropy"]
        raise ArgumentValueError(f"there is no loss '{spec.name}'{did_you_mean(spec.name, known)}; there are\n{listed(known)}")
    loss = spec.bind(spec.name, maker).made
    if not spec.args and not spec.kwargs and loss.name != spec.name:
        loss.name = spec.name
    return loss


def get(identifier: Any) -> Loss:
    """The loss that is meant.

    Parameters
    ----------
    identifier : str, dict, Loss, class, module or callable
        A name (``"mse"``, ``"mean_squared_error"``, ``"MeanSquaredError"``, ``"huber(delta=2)"``; PyTorch's words
        ``"cross_entropy"``, ``"bce_with_logits"``, ``"nll"``, ``"l1"``, ``"smooth_l1"`` as well); what :func:`serialize` gave; a
        loss or its class; a criterion of ``rustorch.nn`` or function of ``rustorch.nn.functional``, called as
        ``criterion(input, target)``; or a function of ``(y_true, y_pred)``.

    Raises
    ------
    ArgumentValueError
        There is no loss of this name; the message names the nearest.
    ArgumentTypeError
        It is none of these.

    Example
    -------
    >>> from rustorch.training import losses
    >>> losses.get("huber(delta=2.0)")
    Huber(delta=2.0)
    """
    if isinstance(identifier, Loss):
        own_way = type(identifier).__call__ is not Loss.__call__  # PyTorch's way to write one, which leaves nothing to weigh
        return FunctionLoss(identifier, name=identifier.name) if own_way else identifier
    if isinstance(identifier, str):
        own = _custom.find(identifier)
        return _named(identifier) if own is None else get(own)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if inspect.isclass(identifier) and issubclass(identifier, (Loss, nn.Module)):
        return get(identifier())
    if isinstance(identifier, nn.Module):
        return TorchLoss(identifier)
    known = _MAKERS.get(plain(getattr(identifier, "__name__", "")))
    if known is not None and getattr(identifier, "__module__", "").startswith(__name__ + "."):
        return known()  # one of the functions above
    if callable(identifier):
        name = getattr(identifier, "__name__", "")
        return TorchLoss(identifier) if getattr(F, name, None) is identifier else FunctionLoss(identifier)
    raise ArgumentTypeError(
        f"a loss is a name such as 'mse', a Loss, a criterion of rustorch.nn or a function of (y_true, y_pred), not {identifier!r:.80}"
    )


def serialize(loss: Loss) -> Dict[str, Any]:
    """The loss as plain data, from which :func:`get` makes it again.

    A function or class of the user's is its name alone (and a class's ``get_config``): whoever loads it gives the code, as
    ``load_model(path, custom_objects={"name": function})``.

    >>> from rustorch.training import losses
    >>> losses.serialize(losses.Huber(2.0))["config"]["delta"]
    2.0
    """
    if isinstance(loss, _Crossentropy) or isinstance(loss, TorchLoss) and loss.criterion in _FUNCTIONS:
        return {"class_name": loss.name, "config": {}}
    if type(loss) in {row[0] for row in _CLASSES}:
        return {"class_name": type(loss).__name__, "config": loss.get_config()}
    criterion = getattr(loss, "criterion", None)
    if type(criterion).__module__ == "rustorch.nn.modules.loss" and not criterion.state_dict():
        arguments = inspect.signature(type(criterion).__init__).parameters
        options = {key: getattr(criterion, key) for key in arguments if getattr(criterion, key, None) is not None}
        return {"class_name": "nn." + type(criterion).__name__, "config": options}
    if isinstance(loss, TorchLoss):
        return {"class_name": _code_name(criterion), "config": {}, "custom": "torch"}
    if type(loss) is FunctionLoss:
        options = {key: getattr(loss, key) for key in loss._options}
        return {"class_name": _code_name(loss.fn), "config": {"reduction": loss.reduction, "name": loss.name, **options}, "custom": True}
    return {"class_name": type(loss).__name__, "config": loss.get_config(), "custom": True}


def _code_name(code: Any) -> str:
    return getattr(code, "__name__", type(code).__name__)


def deserialize(config: Dict[str, Any]) -> Loss:
    """The loss that :func:`serialize`, or Keras's ``class_name`` and ``config``, describe.

    >>> from rustorch.training import losses
    >>> losses.deserialize({"class_name": "Huber", "config": {"delta": 2.0}})
    Huber(delta=2.0)
    """
    from rustorch.training._spec import Spec

    options = dict(config)
    inner = options.pop("config", None)
    options.pop("custom", None)
    name = options.pop("class_name", None) or (options.pop("name", None) if inner is None else None)
    if not isinstance(name, str):
        found = ", ".join(map(repr, config)) or "nothing"
        raise ArgumentTypeError(f"a loss as a dictionary has class_name and config, but this one has {found}")
    options = dict(options if inner is None else inner)
    own = _custom.find(name)
    if own is not None:
        if inspect.isclass(own):
            return own.from_config(options) if issubclass(own, Loss) else get(own)
        return TorchLoss(own) if config.get("custom") == "torch" else FunctionLoss(own, **options)
    if config.get("custom"):
        _custom.missing("loss", name)
    if name.startswith("nn."):
        return TorchLoss(getattr(nn.modules.loss, name[3:])(**options))
    maker = _EXACT.get(name.casefold()) or _MAKERS.get(plain(name))
    return _named(name) if maker is None or not options else Spec("loss", name, (), options).bind(name, maker).made
