"""Networks for images under torchvision's names, with its parameter names, shapes and initial values; untrained.

Examples
--------
>>> from rustorch.vision import models
>>> model = models.get_model("mobilenet_v2", num_classes=10)
>>> sum(p.numel() for p in model.parameters())
2236682
>>> models.list_models()[:2]
['alexnet', 'densenet121']
"""

from rustorch.vision.models import densenet, resnet, squeezenet, vgg
from rustorch.vision.models._builders import weights_enum as _weights_enum
from rustorch.vision.models.alexnet import AlexNet, alexnet
from rustorch.vision.models.densenet import *  # noqa: F401,F403
from rustorch.vision.models.mobilenetv2 import MobileNetV2, mobilenet_v2
from rustorch.vision.models.mobilenetv3 import MobileNetV3, mobilenet_v3_large, mobilenet_v3_small
from rustorch.vision.models.resnet import *  # noqa: F401,F403
from rustorch.vision.models.squeezenet import *  # noqa: F401,F403
from rustorch.vision.models.vgg import *  # noqa: F401,F403

__all__ = [
    "AlexNet", "MobileNetV2", "MobileNetV3", "alexnet", "get_model", "get_model_builder", "list_models", "mobilenet_v2",
    "mobilenet_v3_large", "mobilenet_v3_small", *densenet.__all__, *resnet.__all__, *squeezenet.__all__, *vgg.__all__,
]  # fmt: skip

_BUILDERS = {name: globals()[name] for name in sorted(__all__) if name.islower() and not name.startswith(("get_", "list_"))}
# ResNet18_Weights of resnet18, MobileNet_V3_Large_Weights of mobilenet_v3_large, …
_WEIGHTS = {f"{name.replace('_', '')}weights": name for name in _BUILDERS}


def list_models(module=None, include=None, exclude=None):
    """The names of the builders, in alphabetical order.

    Parameters
    ----------
    module : module, optional
        Only those of ``rustorch.vision.models``: there are no others.
    include, exclude : str or list of str, optional
        Patterns such as ``"resnet*"``: names that fit one of them are taken, and left out.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from rustorch.vision import models
    >>> models.list_models(include="resnet*", exclude=["*5*", "*101"])
    ['resnet18', 'resnet34']
    """
    import fnmatch

    def fits(name, patterns):
        return any(fnmatch.fnmatch(name, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))

    names = _BUILDERS if module is None or module.__name__ == __name__ else ()
    return [name for name in names if (not include or fits(name, include)) and not (exclude and fits(name, exclude))]


def get_model_builder(name):
    """The function of that name.

    Parameters
    ----------
    name : str
        One of :func:`list_models`; capital letters do not matter.

    Raises
    ------
    ArgumentValueError
        There is no such model.

    Examples
    --------
    >>> from rustorch.vision import models
    >>> models.get_model_builder("ResNet18") is models.resnet18
    True
    """
    found = _BUILDERS.get(str(name).lower())
    if found is None:
        from rustorch import ArgumentValueError

        raise ArgumentValueError(f"get_model: there is no model {name!r}; there are {', '.join(_BUILDERS)}")
    return found


def get_model(name, **config):
    """The model of that name, untrained.

    Parameters
    ----------
    name : str
        One of :func:`list_models`; capital letters do not matter.
    **config
        Those of the builder, such as ``num_classes``.

    Raises
    ------
    ArgumentValueError
        There is no such model.

    Examples
    --------
    >>> from rustorch.vision import models
    >>> model = models.get_model("squeezenet1_1", num_classes=10)
    >>> sum(p.numel() for p in model.parameters())
    727626
    """
    return get_model_builder(name)(**config)


def __getattr__(name):
    if name.replace("_", "").lower() in _WEIGHTS:
        globals()[name] = _weights_enum(name)
        return globals()[name]
    raise AttributeError(f"module 'rustorch.vision.models' has no attribute '{name}'")
