"""Sums of products by Einstein's convention: parsing, and contraction by pairs into matrix products."""

from __future__ import annotations

import string
from typing import Any, Dict, List, Tuple

import rustorch
from rustorch._C import Tensor

__all__ = ["einsum"]

_LETTERS = string.ascii_uppercase + string.ascii_lowercase  # the order of the sublist format, and of implicit outputs
_ELLIPSIS = "."


def _split_term(term: Any) -> List[str]:
    """A list of labels of one operand, with the ellipsis as "." (or of the output)."""
    term = term.replace(" ", "")
    if "..." in term:
        before, _, after = term.partition("...")
        term = before + _ELLIPSIS + after
        if "." in before or "." in after:
            raise rustorch.ArgumentValueError("einsum(): an ellipsis may occur once in a term")
    elif "." in term:
        raise rustorch.ArgumentValueError("einsum(): found '.' that is not part of any ellipsis")
    for label in term:
        if label != _ELLIPSIS and label not in _LETTERS:
            raise rustorch.ArgumentValueError(f"einsum(): subscripts must be letters of [a-zA-Z], but found '{label}'")
    return list(term)


def _from_sublists(args: Any) -> Any:
    """(operand, [0, 1], operand, [1, 2], [0, 2]) as terms and operands."""

    def letters(sublist):
        out = []
        for item in sublist:
            if item is Ellipsis:
                out.append(_ELLIPSIS)
            elif isinstance(item, int) and 0 <= item < len(_LETTERS):
                out.append(_LETTERS[item])
            else:
                raise rustorch.ArgumentValueError(f"einsum(): subscripts in a list must be from 0 to 51, but found {item!r}")
        return out

    output = letters(args[-1]) if len(args) % 2 else None
    pairs = args[: len(args) - len(args) % 2]
    return [letters(sublist) for sublist in pairs[1::2]], output, list(pairs[0::2])


def _parse(equation: Any, operands: Any) -> Any:
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = [_split_term(term) for term in left.split(",")]
    return terms, _split_term(right) if arrow else None, list(operands)


def _implicit_output(terms: Any) -> List[Any]:
    """The ellipsis, then the labels that occur once, in alphabetical order."""
    flat = [label for term in terms for label in term]
    once = sorted((label for label in set(flat) if label != _ELLIPSIS and flat.count(label) == 1), key=_LETTERS.index)
    return ([_ELLIPSIS] if _ELLIPSIS in flat else []) + once


def _expand_ellipsis(terms: Any, output: Any, operands: Any) -> Any:
    """Labels of their own for the dimensions an ellipsis stands for; those of all operands end together."""
    most = 0
    for i, (term, operand) in enumerate(zip(terms, operands)):
        named = len(term) - (_ELLIPSIS in term)
        if named > operand.dim() or (_ELLIPSIS not in term and named != operand.dim()):
            raise rustorch.ShapeError(
                f"einsum(): operand {i} has {operand.dim()} dimensions, but its subscripts name {named}"
            )
        if _ELLIPSIS in term:
            most = max(most, operand.dim() - named)
    names = [("...", k) for k in range(most)]

    def spread(term, n):
        at = term.index(_ELLIPSIS) if _ELLIPSIS in term else len(term)
        return term[:at] + (names[most - n :] if _ELLIPSIS in term else []) + term[at + 1 :]

    wide = [spread(term, operand.dim() - len(term) + 1) for term, operand in zip(terms, operands)]
    return wide, spread(output, most)


def _one_of_each(operand: Any, term: Any) -> Any:
    """Diagonals for labels that one operand has twice."""
    while len(set(term)) < len(term):
        first = next(i for i, label in enumerate(term) if label in term[i + 1 :])
        second = term.index(term[first], first + 1)
        if operand.shape[first] != operand.shape[second]:
            raise rustorch.ShapeError(
                f"einsum(): the repeated subscript '{term[first]}' has sizes {operand.shape[first]} and {operand.shape[second]}"
            )
        operand = operand.diagonal(0, first, second)
        label = term[first]
        term = [name for i, name in enumerate(term) if i not in (first, second)] + [label]
    return operand, term


def _sum_out(operand: Any, term: Any, keep: Any) -> Any:
    gone = [i for i, label in enumerate(term) if label not in keep]
    if not gone:
        return operand, term
    return operand.sum(gone, dtype=operand.dtype), [label for label in term if label in keep]


def _multiply_pair(a: Tensor, a_term: Any, b: Tensor, b_term: Any, keep: Any) -> Any:
    """The product of two operands, summed over what is not kept."""
    a, a_term = _sum_out(a, a_term, keep | set(b_term))
    b, b_term = _sum_out(b, b_term, keep | set(a_term))
    shared = [label for label in a_term if label in b_term]
    summed = [label for label in shared if label not in keep]
    both = [label for label in shared if label in keep]
    left = [label for label in a_term if label not in shared]
    right = [label for label in b_term if label not in shared]
    result = both + left + right
    a = a.permute([a_term.index(label) for label in both + left + summed])
    if not summed:  # no sum: broadcasting does it
        b = b.permute([b_term.index(label) for label in both + right])
        return a.reshape(list(a.shape) + [1] * len(right)) * b.reshape(
            list(b.shape[: len(both)]) + [1] * len(left) + list(b.shape[len(both) :])
        ), result
    b = b.permute([b_term.index(label) for label in both + summed + right])
    n, m = len(both), len(left)
    batch, rows, inner, columns = list(a.shape[:n]), list(a.shape[n : n + m]), list(a.shape[n + m :]), list(b.shape[n + len(summed) :])
    sizes = [_product(batch), _product(rows), _product(inner), _product(columns)]
    if n == 0:
        product = a.reshape(sizes[1], sizes[2]).mm(b.reshape(sizes[2], sizes[3]))
    else:
        product = a.reshape(sizes[0], sizes[1], sizes[2]).bmm(b.reshape(sizes[0], sizes[2], sizes[3]))
    return product.reshape(batch + rows + columns), result


def _product(sizes: Any) -> int:
    n = 1
    for size in sizes:
        n *= size
    return n


def _cheapest_pair(terms: Any, size: Dict[Any, int]) -> Tuple[int, int]:
    """The two operands whose product is to be made next: the one that costs least, the left ones of equals."""
    best = None
    for i in range(len(terms)):
        for j in range(i + 1, len(terms)):
            cost = _product(size[label] for label in set(terms[i]) | set(terms[j]))
            if best is None or cost < best[0]:
                best = (cost, i, j)
    return best[1], best[2]


def einsum(*args: Any) -> Tensor:
    """Sums of products of operands, by Einstein's convention.

    Parameters
    ----------
    equation : str
        Subscripts of the operands, separated by commas, one letter a dimension, and after ``->`` those of the result.
        A letter that the result lacks is summed over; one that an operand has twice means the diagonal; ``...`` stands
        for all dimensions without a letter, which broadcast. Without ``->`` the result has the ellipsis, then in
        alphabetical order the letters that occur once.
    operands : Tensor
        As many as there are terms; or, in place of the equation, operands and lists of integers (0 to 51, or Ellipsis)
        in turn, with the list of the result at the end.

    Returns
    -------
    Tensor
        More than two operands are multiplied by pairs, the cheapest product first.

    Examples
    --------
    >>> x, y = rustorch.arange(6.0).reshape(2, 3), rustorch.ones(3, 2)
    >>> rustorch.einsum("ij,jk->ik", x, y)
    tensor([[ 3.,  3.],
            [12., 12.]])
    """
    if not args:
        raise rustorch.ArgumentTypeError("einsum(): an equation and operands are needed")
    if isinstance(args[0], str):
        operands = args[1:]
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = operands[0]
        terms, output, operands = _parse(args[0], operands)
    else:
        terms, output, operands = _from_sublists(args)
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise rustorch.ArgumentTypeError(f"einsum(): a Tensor is expected as operand {i + 1}, not {type(x).__name__}")
    if len(terms) != len(operands):
        raise rustorch.ArgumentValueError(f"einsum(): {len(operands)} operands were given, but there are subscripts for {len(terms)}")
    if output is None:
        output = _implicit_output(terms)
    terms, output = _expand_ellipsis(terms, output, operands)
    known = {label for term in terms for label in term}
    for label in output:
        if label not in known:
            raise rustorch.ArgumentValueError(f"einsum(): output subscript '{label}' does not occur in the equation for any input operand")
        if output.count(label) > 1:
            raise rustorch.ArgumentValueError(f"einsum(): output subscript '{label}' occurs more than once")
    return _contract(operands, terms, output)


def _contract(operands: Any, terms: Any, output: Any) -> Tensor:
    size = {}
    for i, term in enumerate(terms):
        operands[i], terms[i] = _one_of_each(operands[i], term)
        for label, n in zip(terms[i], operands[i].shape):
            if size.setdefault(label, n) == 1:
                size[label] = n
            elif n not in (1, size[label]):
                raise rustorch.ShapeError(
                    f"einsum(): subscript '{label}' has size {n} for operand {i}, which does not broadcast with the size "
                    f"{size[label]} seen before"
                )
    # A dimension of size one that is broadcast does not depend on its label.
    for i, term in enumerate(terms):
        alone = [k for k, label in enumerate(term) if operands[i].shape[k] == 1 and size[label] != 1]
        if alone:
            operands[i] = operands[i].squeeze(alone)
            terms[i] = [label for k, label in enumerate(term) if k not in alone]
    while len(operands) > 1:
        i, j = (0, 1) if len(operands) == 2 else _cheapest_pair(terms, size)
        keep = set(output).union(*(term for k, term in enumerate(terms) if k not in (i, j)))
        pair = _multiply_pair(operands[i], terms[i], operands[j], terms[j], keep)
        for k in (j, i):
            del operands[k], terms[k]
        operands.insert(i, pair[0])
        terms.insert(i, pair[1])
    result, term = _sum_out(operands[0], terms[0], set(output))
    return result.permute([term.index(label) for label in output])
