"""Boxes (N, 4), each (x1, y1, x2, y2) with x1 ≤ x2 and y1 ≤ y2 unless said otherwise."""

from __future__ import annotations

from typing import Tuple

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError

__all__ = [
    "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "generalized_box_iou", "nms", "remove_small_boxes",
]  # fmt: skip


def _check(name: str, boxes: Tensor) -> None:
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ShapeError(f"{name}: boxes of shape (N, 4) are needed, not {tuple(boxes.shape)}")


def box_area(boxes: Tensor) -> Tensor:
    """The areas (N) of boxes.

    >>> import rustorch as torch
    >>> torch.vision.ops.box_area(torch.tensor([[0.0, 0.0, 2.0, 3.0]]))
    tensor([6.])
    """
    _check("box_area", boxes)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _shared(boxes1: Tensor, boxes2: Tensor) -> Tuple[Tensor, Tensor]:
    """The areas (N, M) that pairs share, and those that they cover together."""
    low = rustorch.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    high = rustorch.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    sides = (high - low).clamp(min=0)
    inter = sides[..., 0] * sides[..., 1]
    return inter, box_area(boxes1)[:, None] + box_area(boxes2)[None, :] - inter


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The shared area of each pair of boxes as a part of what both cover, (N, M).

    >>> import rustorch as torch
    >>> torch.vision.ops.box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
    tensor([[0.3333]])
    """
    _check("box_iou", boxes1)
    _check("box_iou", boxes2)
    inter, union = _shared(boxes1, boxes2)
    return inter / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """:func:`box_iou` less the part of the smallest box around both that neither covers, (N, M), from -1 to 1.

    Source: Rezatofighi et al., arXiv 1902.09630.

    >>> import rustorch as torch
    >>> torch.vision.ops.generalized_box_iou(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]]))
    tensor([[-0.5000]])
    """
    _check("generalized_box_iou", boxes1)
    _check("generalized_box_iou", boxes2)
    inter, union = _shared(boxes1, boxes2)
    low = rustorch.minimum(boxes1[:, None, :2], boxes2[None, :, :2])
    high = rustorch.maximum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    sides = (high - low).clamp(min=0)
    around = sides[..., 0] * sides[..., 1]
    return inter / union - (around - union) / around


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes to keep: from the highest score down, each that overlaps none kept so far by more than the threshold.

    Parameters
    ----------
    boxes : Tensor (N, 4)
    scores : Tensor (N,)
    iou_threshold : float

    Returns
    -------
    Tensor
        int64: the indices that are kept, by decreasing score.

    Raises
    ------
    ShapeError
        The shapes are others, or the numbers of boxes and scores differ.

    Example
    -------
    >>> import rustorch as torch
    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.9], [5.0, 5.0, 6.0, 6.0]])
    >>> torch.vision.ops.nms(boxes, torch.tensor([0.8, 0.9, 0.3]), 0.5)
    tensor([1, 2])
    """
    _check("nms", boxes)
    if scores.shape != boxes.shape[:1]:
        raise ShapeError(f"nms: {boxes.shape[0]} boxes need scores of shape ({boxes.shape[0]},), not {tuple(scores.shape)}")
    corners = boxes.detach().double().numpy()
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    left = scores.detach().argsort(descending=True, stable=True).numpy()
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        sides = np.minimum(corners[best, 2:], corners[left, 2:]) - np.maximum(corners[best, :2], corners[left, :2])
        inter = np.prod(np.maximum(sides, 0), axis=1)
        left = left[inter <= iou_threshold * (area[best] + area[left] - inter)]
    return rustorch.tensor(kept, dtype=rustorch.int64)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """:func:`nms` among the boxes of each class by itself.

    Parameters
    ----------
    boxes : Tensor (N, 4)
    scores : Tensor (N,)
    idxs : Tensor (N,)
        The class of each box.
    iou_threshold : float

    Example
    -------
    >>> import rustorch as torch
    >>> box = torch.tensor([[0.0, 0.0, 2.0, 2.0]]).repeat(3, 1)
    >>> torch.vision.ops.batched_nms(box, torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, 1]), 0.5)
    tensor([2, 0])
    """
    _check("batched_nms", boxes)
    if idxs.shape != boxes.shape[:1]:
        raise ShapeError(f"batched_nms: {boxes.shape[0]} boxes need idxs of shape ({boxes.shape[0]},), not {tuple(idxs.shape)}")
    kept = [rustorch.zeros(0, dtype=rustorch.int64)]
    for number in idxs.unique():
        among = (idxs == number).nonzero().flatten()
        kept.append(among[nms(boxes[among], scores[among], iou_threshold)])
    chosen = rustorch.cat(kept)
    return chosen[scores[chosen].argsort(descending=True, stable=True)]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of the boxes of which no side is shorter than min_size.

    >>> import rustorch as torch
    >>> torch.vision.ops.remove_small_boxes(torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 0.5]]), 1)
    tensor([0])
    """
    _check("remove_small_boxes", boxes)
    return ((boxes[:, 2:] - boxes[:, :2]) >= min_size).all(dim=1).nonzero().flatten()


def clip_boxes_to_image(boxes: Tensor, size: Tuple[int, int]) -> Tensor:
    """Boxes (…, 4) cut off at the borders of an image of the size (height, width).

    >>> import rustorch as torch
    >>> torch.vision.ops.clip_boxes_to_image(torch.tensor([[-1.0, 2.0, 9.0, 9.0]]), (5, 8))
    tensor([[0., 2., 8., 5.]])
    """
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return rustorch.stack((x, y), dim=-1).reshape(boxes.shape)


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes (…, 4) in another form.

    Parameters
    ----------
    boxes : Tensor
    in_fmt, out_fmt : str
        "xyxy": two corners; "xywh": a corner, width and height; "cxcywh": the middle, width and height.

    Raises
    ------
    ArgumentValueError
        Another form.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.vision.ops.box_convert(torch.tensor([[1.0, 1.0, 3.0, 5.0]]), "xyxy", "cxcywh")
    tensor([[2., 3., 2., 4.]])
    """
    for form in (in_fmt, out_fmt):
        if form not in ("xyxy", "xywh", "cxcywh"):
            raise ArgumentValueError(f"box_convert: a form is 'xyxy', 'xywh' or 'cxcywh', not {form!r}")
    if in_fmt == out_fmt:
        return boxes.clone()
    first, second = boxes[..., :2], boxes[..., 2:]
    if in_fmt == "cxcywh":
        first = first - second / 2
    low, sides = (first, second - first) if in_fmt == "xyxy" else (first, second)
    if out_fmt == "xyxy":
        return rustorch.cat((low, low + sides), dim=-1)
    return rustorch.cat((low if out_fmt == "xywh" else low + sides / 2, sides), dim=-1)
