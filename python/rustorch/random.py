"""The random numbers of the default generator: seeding, and the state to go on from."""

import contextlib

from ._C import default_generator

__all__ = ["manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state", "fork_rng", "default_generator"]


def manual_seed(seed):
    """Start the default generator again from a seed.

    Parameters
    ----------
    seed : int

    Returns
    -------
    Generator
        The default generator.

    Examples
    --------
    >>> _ = rustorch.manual_seed(0)
    >>> a = rustorch.rand(3)
    >>> _ = rustorch.manual_seed(0)
    >>> bool((a == rustorch.rand(3)).all())
    True
    """
    return default_generator.manual_seed(int(seed))


def seed():
    """Start the default generator again from a seed of the system's; returns the seed.

    >>> isinstance(rustorch.seed(), int)
    True
    >>> generator = rustorch.manual_seed(0)
    """
    return default_generator.seed()


def initial_seed():
    """The seed that the default generator started from.

    >>> generator = rustorch.manual_seed(5)
    >>> rustorch.initial_seed()
    5
    """
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator, as a uint8 tensor.

    >>> state = rustorch.get_rng_state()
    >>> first = rustorch.rand(2)
    >>> rustorch.set_rng_state(state)
    >>> rustorch.equal(first, rustorch.rand(2))
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state):
    """Go on from a state that get_rng_state returned.

    >>> state = rustorch.get_rng_state()
    >>> first = rustorch.rand(2)
    >>> rustorch.set_rng_state(state)
    >>> rustorch.equal(first, rustorch.rand(2))
    True
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type="cuda"):
    """A context after which the default generator goes on as if nothing had been drawn inside.

    Parameters
    ----------
    devices, device_type : optional
        For PyTorch's sake: one stream serves all devices, so it is saved whichever are named.
    enabled : bool
        False makes the context do nothing.

    Examples
    --------
    >>> _ = rustorch.manual_seed(0)
    >>> with rustorch.random.fork_rng():
    ...     _ = rustorch.rand(3)
    >>> a = rustorch.rand(3)
    >>> _ = rustorch.manual_seed(0)
    >>> bool((a == rustorch.rand(3)).all())
    True
    """
    if not enabled:
        yield
        return
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)
