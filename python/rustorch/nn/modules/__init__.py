"""All layers, one file a kind."""

from rustorch.nn.modules import activation, adaptive, container, conv, distance, dropout, lazy, linear, loss, norm, padding
from rustorch.nn.modules import pooling  # noqa: F401
from rustorch.nn.modules import batchnorm, instancenorm, rnn, sparse, spatial, sync_norm, transformer  # noqa: F401
from rustorch.nn.modules.activation import *  # noqa: F401,F403
from rustorch.nn.modules.adaptive import *  # noqa: F401,F403
from rustorch.nn.modules.container import *  # noqa: F401,F403
from rustorch.nn.modules.conv import *  # noqa: F401,F403
from rustorch.nn.modules.distance import *  # noqa: F401,F403
from rustorch.nn.modules.dropout import *  # noqa: F401,F403
from rustorch.nn.modules.lazy import *  # noqa: F401,F403
from rustorch.nn.modules.linear import *  # noqa: F401,F403
from rustorch.nn.modules.loss import *  # noqa: F401,F403
from rustorch.nn.modules.module import Module
from rustorch.nn.modules.norm import *  # noqa: F401,F403
from rustorch.nn.modules.padding import *  # noqa: F401,F403
from rustorch.nn.modules.pooling import *  # noqa: F401,F403
from rustorch.nn.modules.rnn import *  # noqa: F401,F403
from rustorch.nn.modules.sparse import *  # noqa: F401,F403
from rustorch.nn.modules.spatial import *  # noqa: F401,F403
from rustorch.nn.modules.sync_norm import *  # noqa: F401,F403
from rustorch.nn.modules.transformer import *  # noqa: F401,F403

__all__ = ["Module"] + [
    name
    for part in (
        activation, adaptive, container, conv, distance, dropout, lazy, linear, loss, norm, padding, pooling, rnn, sparse, spatial, sync_norm,
        transformer,
    )
    for name in part.__all__
]
