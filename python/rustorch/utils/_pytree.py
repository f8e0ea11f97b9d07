"""Nested tuples, named tuples, lists and dicts as flat lists of leaves, under the names of PyTorch's private module."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

__all__ = ["LeafSpec", "TreeSpec", "tree_any", "tree_all", "tree_flatten", "tree_iter", "tree_leaves", "tree_map", "tree_map_", "tree_map_only",
           "tree_unflatten"]  # fmt: skip

IsLeaf = Optional[Callable[[Any], bool]]


class TreeSpec(NamedTuple):
    """How a tree was built: its type (None: a leaf), what else is needed to build it, and the parts."""

    type: Any
    context: Any
    children_specs: List["TreeSpec"]

    @property
    def num_leaves(self) -> int:
        """The number of leaves."""
        return 1 if self.type is None else sum(child.num_leaves for child in self.children_specs)


def LeafSpec() -> TreeSpec:
    """The description of a leaf."""
    return TreeSpec(None, None, [])


def _parts(tree: Any) -> Optional[Tuple[Any, Any, List[Any]]]:
    kind = type(tree)
    if kind in (list, tuple):
        return kind, None, list(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return "namedtuple", kind, list(tree)
    if kind is defaultdict:
        return kind, (tree.default_factory, list(tree)), list(tree.values())
    if kind in (dict, OrderedDict):
        return kind, list(tree), list(tree.values())
    return None


def _build(spec: TreeSpec, parts: List[Any]) -> Any:
    if spec.type == "namedtuple":
        return spec.context(*parts)
    if spec.type is defaultdict:
        return defaultdict(spec.context[0], zip(spec.context[1], parts))
    if spec.type in (dict, OrderedDict):
        return spec.type(zip(spec.context, parts))
    return spec.type(parts)


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> Tuple[List[Any], TreeSpec]:
    """(leaves, description); None is a leaf.

    >>> from rustorch.utils._pytree import tree_flatten, tree_unflatten
    >>> leaves, spec = tree_flatten({"a": 1, "b": (2, [3])})
    >>> leaves, tree_unflatten([10, 20, 30], spec)
    ([1, 2, 3], {'a': 10, 'b': (20, [30])})
    """
    parts = None if is_leaf is not None and is_leaf(tree) else _parts(tree)
    if parts is None:
        return [tree], LeafSpec()
    leaves: List[Any] = []
    specs = []
    for part in parts[2]:
        inner, spec = tree_flatten(part, is_leaf)
        leaves += inner
        specs.append(spec)
    return leaves, TreeSpec(parts[0], parts[1], specs)


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """The tree of these leaves and that description."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: {len(leaves)} leaves were given, the description has {treespec.num_leaves}")
    if treespec.type is None:
        return leaves[0]
    parts, at = [], 0
    for spec in treespec.children_specs:
        parts.append(tree_unflatten(leaves[at : at + spec.num_leaves], spec))
        at += spec.num_leaves
    return _build(treespec, parts)


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> List[Any]:
    """The leaves, in order."""
    return tree_flatten(tree, is_leaf)[0]


tree_iter = tree_leaves


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """The tree of ``func(leaf, *leaves of the others at that place)``."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_leaves(rest, is_leaf) for rest in rests]
    return tree_unflatten([func(*each) for each in zip(leaves, *others)], spec)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Call ``func`` for each leaf; the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: IsLeaf = None) -> Any:
    """As :func:`tree_map` for leaves of a type; the others stay."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree, is_leaf=is_leaf)


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether it holds for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether it holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))
