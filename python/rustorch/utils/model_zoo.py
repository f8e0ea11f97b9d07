"""An old path to :func:`rustorch.hub.load_state_dict_from_url`: nothing is downloaded."""

from rustorch.hub import load_state_dict_from_url

__all__ = ["load_url"]

load_url = load_state_dict_from_url
