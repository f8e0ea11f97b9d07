"""Nested tuples, lists and dicts as trees of values, under the names of torch.utils._pytree.

Examples
--------
>>> from rustorch.utils._pytree import tree_flatten, tree_map, tree_unflatten
>>> tree_map(lambda x: x + 1, {"a": 1, "b": (2, [3])})
{'a': 2, 'b': (3, [4])}
>>> leaves, spec = tree_flatten((1, {"k": 2}))
>>> leaves, tree_unflatten([5, 6], spec)
([1, 2], (5, {'k': 6}))
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple
from rustorch._C import ArgumentValueError

__all__ = [
    "TreeSpec", "arg_tree_leaves", "register_pytree_node", "tree_all", "tree_any", "tree_flatten", "tree_leaves", "tree_map", "tree_map_",
    "tree_map_only", "tree_structure", "tree_unflatten",
]  # fmt: skip


class _Kind(NamedTuple):
    flatten: Callable[[Any], Tuple[List[Any], Any]]
    unflatten: Callable[[Sequence[Any], Any], Any]


SUPPORTED_NODES = {
    tuple: _Kind(lambda x: (list(x), None), lambda items, _: tuple(items)),
    list: _Kind(lambda x: (list(x), None), lambda items, _: list(items)),
    deque: _Kind(lambda x: (list(x), x.maxlen), lambda items, size: deque(items, maxlen=size)),
    dict: _Kind(lambda x: (list(x.values()), list(x)), lambda items, keys: dict(zip(keys, items))),
    OrderedDict: _Kind(lambda x: (list(x.values()), list(x)), lambda items, keys: OrderedDict(zip(keys, items))),
    defaultdict: _Kind(
        lambda x: (list(x.values()), (x.default_factory, list(x))), lambda items, how: defaultdict(how[0], zip(how[1], items))
    ),
    namedtuple: _Kind(lambda x: (list(x), type(x)), lambda items, kind: kind(*items)),
}


def _kind(x: Any) -> Any:
    if isinstance(x, tuple) and hasattr(type(x), "_fields"):
        return namedtuple
    return type(x) if type(x) in SUPPORTED_NODES else None


class TreeSpec:
    """The structure of a tree, without its values."""

    def __init__(self, kind: Any = None, context: Any = None, children: Sequence["TreeSpec"] = ()) -> None:
        self.type, self.context, self.children_specs = kind, context, list(children)
        self.num_leaves = 1 if kind is None else sum(child.num_leaves for child in children)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TreeSpec) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return "*" if self.type is None else f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


def register_pytree_node(cls: type, flatten_fn: Callable[[Any], Any], unflatten_fn: Callable[[Sequence[Any], Any], Any]) -> None:
    """Make a class a node: functions to (children, context), and back from them."""
    SUPPORTED_NODES[cls] = _Kind(flatten_fn, unflatten_fn)


def tree_flatten(tree: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> Tuple[List[Any], TreeSpec]:
    """The values of a tree in order, and its structure."""
    kind = None if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind is None:
        return [tree], TreeSpec()
    children, context = SUPPORTED_NODES[kind].flatten(tree)
    leaves: List[Any] = []
    specs = []
    for child in children:
        found, spec = tree_flatten(child, is_leaf)
        leaves += found
        specs.append(spec)
    return leaves, TreeSpec(kind, context, specs)


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """The tree of a structure with other values."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ArgumentValueError(f"tree_unflatten: the structure has {treespec.num_leaves} leaves, but {len(leaves)} were given")
    if treespec.type is None:
        return leaves[0]
    items, at = [], 0
    for child in treespec.children_specs:
        items.append(tree_unflatten(leaves[at : at + child.num_leaves], child))
        at += child.num_leaves
    return SUPPORTED_NODES[treespec.type].unflatten(items, treespec.context)


def tree_leaves(tree: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> List[Any]:
    """The values of a tree in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> TreeSpec:
    """The structure of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def arg_tree_leaves(*args: Any, **kwargs: Any) -> List[Any]:
    """The values in the arguments of a call."""
    return [leaf for tree in (*args, *kwargs.values()) for leaf in tree_leaves(tree)]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> Any:
    """A function of each value, or of the values at one place of several trees."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_leaves(rest, is_leaf) for rest in rests]
    if any(len(other) != len(leaves) for other in others):
        raise ArgumentValueError("tree_map: the trees have different structures")
    return tree_unflatten([func(*values) for values in zip(leaves, *others)], spec)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> Any:
    """Call a function for each value, and return the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> Any:
    """A function of each value of a type; the others stay."""
    return tree_map(lambda x: func(x) if isinstance(x, kind) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> bool:
    """Whether a condition holds for every value."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Optional[Callable[[Any], bool]] = None) -> bool:
    """Whether a condition holds for some value."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
