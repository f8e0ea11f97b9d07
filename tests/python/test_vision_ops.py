"""rustorch.vision.ops against what its words say, computed pair by pair in Python."""

import math

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.vision import ops

RNG = np.random.default_rng(4)


def some_boxes(n):
    low, sides = RNG.uniform(0, 8, (n, 2)), RNG.uniform(0.5, 5, (n, 2))
    return np.concatenate([low, low + sides], axis=1)


def pair(a, b):
    """The shared area, the joint one, and that of the box around two boxes."""
    sides = [min(a[2 + k], b[2 + k]) - max(a[k], b[k]) for k in (0, 1)]
    inter = max(sides[0], 0) * max(sides[1], 0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - inter
    around = math.prod(max(a[2 + k], b[2 + k]) - min(a[k], b[k]) for k in (0, 1))
    return inter, union, around


def test_areas_of_pairs():
    a, b = some_boxes(7), some_boxes(5)
    one, two = torch.from_numpy(a), torch.from_numpy(b)
    found = [[pair(x, y) for y in b] for x in a]
    np.testing.assert_allclose(ops.box_iou(one, two), [[i / u for i, u, _ in row] for row in found], rtol=1e-12)
    np.testing.assert_allclose(
        ops.generalized_box_iou(one, two), [[i / u - (c - u) / c for i, u, c in row] for row in found], rtol=1e-12, atol=1e-12
    )
    assert torch.autograd.gradcheck(lambda x: ops.generalized_box_iou(x, two), (one.requires_grad_(),))
    with pytest.raises(torch.ShapeError, match=r"\(N, 4\)"):
        ops.box_iou(torch.zeros(3), two)


def greedy(boxes, scores, threshold):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(np.divide(*pair(boxes[i], boxes[j])[:2]) <= threshold for j in kept):
            kept.append(int(i))
    return kept


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.8])
def test_nms(threshold):
    boxes, scores, classes = some_boxes(60), RNG.uniform(size=60).round(1), RNG.integers(0, 3, 60)
    tensors = torch.from_numpy(boxes), torch.from_numpy(scores)
    assert ops.nms(*tensors, threshold).tolist() == greedy(boxes, scores, threshold)
    kept = ops.batched_nms(*tensors, torch.from_numpy(classes), threshold).tolist()
    wanted = [np.flatnonzero(classes == c)[i] for c in range(3) for i in greedy(boxes[classes == c], scores[classes == c], threshold)]
    assert sorted(kept) == sorted(wanted) and list(scores[kept]) == sorted(scores[kept], reverse=True)


def test_nms_of_nothing_and_errors():
    for function in (lambda *x: ops.nms(*x, 0.5), lambda *x: ops.batched_nms(*x, torch.zeros(0, dtype=torch.int64), 0.5)):
        kept = function(torch.zeros(0, 4), torch.zeros(0))
        assert kept.dtype is torch.int64 and kept.shape == (0,)
    with pytest.raises(torch.ShapeError, match="3 boxes"):
        ops.nms(torch.zeros(3, 4), torch.zeros(2), 0.5)
    with pytest.raises(torch.ShapeError, match="idxs"):
        ops.batched_nms(torch.zeros(3, 4), torch.zeros(3), torch.zeros(2), 0.5)


def test_forms_of_boxes():
    boxes = torch.from_numpy(some_boxes(6)).reshape(2, 3, 4)
    for form in ("xyxy", "xywh", "cxcywh"):
        other = ops.box_convert(boxes, "xyxy", form)
        for last in ("xyxy", "xywh", "cxcywh"):
            assert torch.allclose(ops.box_convert(other, form, last), ops.box_convert(boxes, "xyxy", last))
    x1, y1, x2, y2 = boxes.unbind(-1)
    assert torch.equal(ops.box_convert(boxes, "xyxy", "xywh"), torch.stack((x1, y1, x2 - x1, y2 - y1), -1))
    assert torch.allclose(ops.box_convert(boxes, "xyxy", "cxcywh")[..., 0], (x1 + x2) / 2)
    with pytest.raises(ValueError, match="'xywz'"):
        ops.box_convert(boxes, "xyxy", "xywz")
    clipped = ops.clip_boxes_to_image(boxes - 3, (4, 6))
    assert clipped.min() >= 0 and clipped[..., 0::2].max() <= 6 and clipped[..., 1::2].max() <= 4 and clipped.shape == boxes.shape


@pytest.mark.parametrize("alpha, gamma", [(0.25, 2), (-1, 0), (0.7, 1.5)])
def test_focal_loss(alpha, gamma):
    logits, ones = RNG.normal(size=(4, 5)), RNG.integers(0, 2, (4, 5)).astype(float)
    p = 1 / (1 + np.exp(-logits))
    right = np.where(ones == 1, p, 1 - p)
    weight = np.where(ones == 1, alpha, 1 - alpha) if alpha >= 0 else 1.0
    wanted = -weight * (1 - right) ** gamma * np.log(right)
    inputs = torch.from_numpy(logits), torch.from_numpy(ones), alpha, gamma
    np.testing.assert_allclose(ops.sigmoid_focal_loss(*inputs), wanted, rtol=1e-10)
    np.testing.assert_allclose(ops.sigmoid_focal_loss(*inputs, "mean"), wanted.mean(), rtol=1e-10)
    np.testing.assert_allclose(ops.sigmoid_focal_loss(*inputs, reduction="sum"), wanted.sum(), rtol=1e-10)
    for wrong in (dict(reduction="max"), dict(alpha=2)):
        with pytest.raises(ValueError):
            ops.sigmoid_focal_loss(*inputs[:2], **wrong)


def test_stochastic_depth():
    torch.manual_seed(0)
    x = torch.ones(4000, 2, 3)
    rows = ops.stochastic_depth(x, 0.25, "row")
    assert set(np.unique(rows.numpy().round(5))) == {0.0, np.float32(1 / 0.75).round(5)}
    assert (rows.reshape(4000, 6) == rows.reshape(4000, 6)[:, :1]).all() and 0.7 < (rows[:, 0, 0] > 0).float().mean() < 0.8
    whole = {float(ops.stochastic_depth(x[:2], 0.5, "batch").mean()) for _ in range(40)}
    assert whole == {0.0, 2.0} and ops.stochastic_depth(x, 1.0, "row").abs().sum() == 0
    layer = ops.StochasticDepth(0.5, "row").eval()
    assert layer(x) is x
    for p, mode in ((1.5, "row"), (0.5, "column")):
        with pytest.raises(ValueError):
            ops.stochastic_depth(x, p, mode)


def test_frozen_norm_is_batch_norm_in_evaluation():
    norm = nn.BatchNorm2d(3)
    for _ in range(3):
        norm(torch.rand(4, 3, 5, 5) * 3)
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = torch.randn(2, 3, 4, 4)
    assert torch.allclose(frozen.train()(x), norm.eval()(x), atol=1e-6) and not list(frozen.parameters())


def test_blocks():
    block = ops.Conv2dNormActivation(4, 6, (3, 5), stride=2, dilation=2, groups=2, activation_layer=nn.SiLU, inplace=False)
    assert block(torch.zeros(1, 4, 16, 16)).shape == (1, 6, 8, 8) and [type(m).__name__ for m in block] == ["Conv2d", "BatchNorm2d", "SiLU"]
    assert block[0].bias is None and ops.Conv2dNormActivation(4, 6, norm_layer=None, activation_layer=None)[0].bias is not None
    mlp = ops.MLP(4, [8, 3], norm_layer=nn.LayerNorm, dropout=0.1)
    assert [type(m).__name__ for m in mlp] == ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    x, squeeze = torch.rand(2, 4, 3, 3), ops.SqueezeExcitation(4, 2)
    s = squeeze.fc2(torch.relu(squeeze.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()
    assert torch.allclose(squeeze(x), x * s)
