"""What losses, metrics and callbacks say about common mistakes: each message in full, but for long lists at its end."""

import warnings

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.training import Model, callbacks, losses, metrics
from rustorch.utils.tensorboard import SummaryWriter

T = rustorch.tensor
PROBS = T([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
SCORES = T([[-2.0, 3.0], [1.0, -1.0], [0.0, 0.5]])
ROWS = T([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])


class Epochs:
    """What a callback needs of a model."""

    stop_training = False

    def __init__(self, optimizer=True):
        self.optimizer = rustorch.optim.SGD([rustorch.zeros(1).requires_grad_()], lr=0.1) if optimizer else None

    def save(self, path):
        raise AssertionError("not reached")


def epoch(callback, logs, model=None):
    called = callbacks.CallbackList([callback], model=model or Epochs())
    called.on_train_begin()
    called.on_epoch_begin(0)
    called.on_epoch_end(0, logs)


def board():
    """A writer whose file is closed at once; what follows opens another."""
    writer = SummaryWriter("runs")
    writer.close()
    return writer


def detached(y_true, y_pred):
    return T(float(((y_true - y_pred) ** 2).mean().item()))


ERRORS = {
    # ------------------------------------------------------------------------------------------ names
    "a misspelt loss": (
        lambda: losses.get("mean_sqared_error"), ValueError,
        "there is no loss 'mean_sqared_error'; did you mean 'mean_squared_error'?; there are\n  bce, ",
    ),
    "a loss cut short": (
        lambda: losses.get("categorical"), ValueError,
        "there is no loss 'categorical'; did you mean 'categorical_hinge'?; there are\n  bce, ",
    ),
    "a loss that is nothing": (lambda: losses.get("zzz"), ValueError, "there is no loss 'zzz'; there are\n  bce, "),
    "no loss at all": (
        lambda: losses.get(3.5), TypeError,
        "a loss is a name such as 'mse', a Loss, a criterion of rustorch.nn or a function of (y_true, y_pred), not 3.5",
    ),
    "a misspelt argument of a loss": (
        lambda: losses.get("huber(dleta=2)"), TypeError,
        "loss huber: got an unexpected keyword argument 'dleta'; did you mean 'delta'?; its arguments are delta, reduction, name, dtype",
    ),
    "a dictionary without a name": (
        lambda: losses.get({"delta": 1.0}), TypeError, "a loss as a dictionary has class_name and config, but this one has 'delta'",
    ),
    "a misspelt reduction": (
        lambda: losses.MeanSquaredError(reduction="avg"), ValueError,
        "a loss's reduction is one of sum_over_batch_size, mean, mean_with_sample_weight, sum, none, None, not 'avg'",
    ),
    "a misspelt metric": (
        lambda: metrics.get("acuracy"), ValueError,
        "there is no metric 'acuracy'; did you mean 'accuracy'?; there are\n  accuracy, ",
    ),
    "another misspelt metric": (
        lambda: metrics.get("presicion"), ValueError,
        "there is no metric 'presicion'; did you mean 'precision'?; there are\n  accuracy, ",
    ),
    "a metric without what it needs": (
        lambda: metrics.get("mean_iou"), TypeError,
        "the metric 'mean_iou' cannot do without num_classes: give metrics.MeanIoU(num_classes=…), or \"mean_iou(num_classes=…)\"",
    ),
    "no metric at all": (
        lambda: metrics.get(3), TypeError,
        "a metric is a name such as 'accuracy', a Metric, a loss or a function of (y_true, y_pred), not 3",
    ),
    # ------------------------------------------------------------------------------------------ labels
    "labels too large": (
        lambda: losses.get("sparse_categorical_crossentropy")(T([0, 5, 1]), PROBS), IndexError,
        "sparse_categorical_crossentropy: labels go from 0 to 5, but the outputs have 2 classes, 0 to 1: the last layer needs 6 units",
    ),
    "labels from 1": (
        lambda: losses.get("sparse_categorical_crossentropy")(T([1, 2, 1]), PROBS), IndexError,
        "sparse_categorical_crossentropy: labels go from 1 to 2, but the outputs have 2 classes, 0 to 1: labels count from 0: subtract 1",
    ),
    "labels that mark what to leave out": (
        lambda: losses.get("sparse_categorical_crossentropy")(T([-1, 1, 1]), PROBS), IndexError,
        "sparse_categorical_crossentropy: labels go from -1 to 1, but the outputs have 2 classes, 0 to 1: if -1 marks "
        "what is to be left out, "
        "say ignore_class=-1",
    ),
    "labels with a fraction": (
        lambda: losses.get("sparse_categorical_crossentropy")(T([0.5, 1.0, 0.0]), PROBS), ValueError,
        "sparse_categorical_crossentropy: labels are class numbers, but 0.5 is not a whole number",
    ),
    "one-hot rows where numbers are due": (
        lambda: losses.get("sparse_categorical_crossentropy")(ROWS, PROBS), ValueError,
        "sparse_categorical_crossentropy: labels of shape (3, 2) look like one-hot rows, but class numbers are expected: use "
        "categorical_crossentropy, or labels.argmax(-1)",
    ),
    "one-hot rows of other classes": (
        lambda: losses.get("categorical_crossentropy")(rustorch.zeros(3, 4), PROBS), ValueError,
        "categorical_crossentropy: labels of shape (3, 4) do not fit outputs of shape (3, 2): labels have 4 classes and "
        "the last layer gives "
        "2; one-hot rows are (3, 2), class numbers (3,)",
    ),
    "another number of labels": (
        lambda: losses.get("categorical_crossentropy")(rustorch.zeros(4), PROBS), ValueError,
        "categorical_crossentropy: labels of shape (4,) do not fit outputs of shape (3, 2): 4 labels for 3 outputs; "
        "one-hot rows are (3, 2), "
        "class numbers (3,)",
    ),
    "class numbers for a yes-or-no loss": (
        lambda: losses.get("binary_crossentropy")(T([0, 1, 1]), PROBS), ValueError,
        "binary_crossentropy: labels of shape (3,) do not fit outputs of shape (3, 2): a class number a sample belongs to "
        "sparse_categorical_crossentropy with a softmax, one yes-or-no label to a last layer of one unit",
    ),
    "labels of -1 and 1": (
        lambda: losses.get("binary_crossentropy")(T([[-1.0], [1.0]]), T([[0.5], [0.5]])), ValueError,
        "binary_crossentropy: labels are from 0 to 1, but they go from -1 to 1: labels of -1 and 1 belong to hinge; or take (y + 1) / 2",
    ),
    "several classes for a yes-or-no loss": (
        lambda: losses.get("binary_crossentropy")(T([[0.0], [3.0]]), T([[0.5], [0.5]])), ValueError,
        "binary_crossentropy: labels are from 0 to 1, but they go from 0 to 3: class numbers belong to sparse_categorical_crossentropy",
    ),
    "labels of a hinge": (
        lambda: losses.get("hinge")(T([[0.0], [3.0]]), T([[0.5], [0.5]])), ValueError,
        "hinge: labels are -1 and 1, or 0 and 1, but they go from 0 to 3",
    ),
    # ------------------------------------------------------------------------------------------ shapes
    "class numbers for mse": (
        lambda: losses.get("mse")(T([0.0, 1.0, 1.0]), PROBS), ValueError,
        "mse: targets of shape (3,) do not fit outputs of shape (3, 2): class numbers belong to "
        "sparse_categorical_crossentropy, and for one number a sample the last layer has one unit",
    ),
    "targets of another width": (
        lambda: losses.MeanAbsoluteError()(rustorch.zeros(3, 5), PROBS), ValueError,
        "mean_absolute_error: targets of shape (3, 5) do not fit outputs of shape (3, 2): the last layer gives 2 numbers a sample, and a "
        "target has 5",
    ),
    "another number of targets": (
        lambda: losses.LogCosh()(rustorch.zeros(4, 2), PROBS), ValueError,
        "log_cosh: targets of shape (4, 2) do not fit outputs of shape (3, 2): 4 targets for 3 outputs",
    ),
    "another number of weights": (
        lambda: losses.MeanSquaredError()(ROWS, PROBS, [1.0, 2.0]), ValueError,
        "sample_weight of shape (2,) does not fit losses of shape (3,): one weight a sample, (3,), or one a value",
    ),
    "an axis that is not there": (
        lambda: losses.CategoricalCrossentropy(axis=2)(ROWS, PROBS), IndexError,
        "categorical_crossentropy: outputs of 2 dimensions have no axis 2",
    ),
    "labels of a shape that ctc does not take": (
        lambda: losses.CTC()(T([1, 2]), PROBS), ValueError,
        "ctc: labels are (batch, length) and outputs (batch, time, classes), but they are (2,) and (3, 2)",
    ),
    # ------------------------------------------------------------------------------------------ functions of one's own
    "a loss that gives a number": (
        lambda: losses.get(lambda t, p: 0.5)(ROWS, PROBS), TypeError,
        "the loss <lambda> gave 0.5, not a tensor: compute it from y_pred by rustorch's functions, so that it has a gradient",
    ),
    "a loss without a gradient": (
        lambda: losses.get(detached)(ROWS, PROBS.clone().requires_grad_()), rustorch.AutogradError,
        "the loss detached does not lead back to the outputs, so nothing can be learned from it: compute it from y_pred by rustorch's "
        "functions, without detach(), item() or numpy()",
    ),
    "weights for a criterion that cannot be weighted": (
        lambda: losses.TorchLoss(lambda i, t: (i - t).square().mean(), "own")(ROWS, PROBS, [1.0, 2.0, 3.0]), NotImplementedError,
        "the loss own gives one number a batch, so that samples cannot be weighted: a module with a reduction attribute, or a function of "
        "(y_true, y_pred) with one value a sample, can be",
    ),
    "code in a file": (
        lambda: losses.deserialize(losses.serialize(losses.get(detached))), rustorch.SerializationError,
        "the model was compiled with the loss 'detached', which is code of the user's, and a file holds no code: give it, "
        "load_model(path, custom_objects={'detached': …}), or load the model without what it was compiled with, compile=False",
    ),
    "a metric that gives nothing": (
        lambda: metrics.get(lambda t, p: None)(ROWS, PROBS), TypeError, "the metric <lambda> gave None, not a tensor or a number",
    ),
    # ------------------------------------------------------------------------------------------ arguments
    "smoothing of more than all": (
        lambda: losses.CategoricalCrossentropy(label_smoothing=1.5), ValueError,
        "categorical_crossentropy: label_smoothing is from 0 to 1, not 1.5",
    ),
    "a threshold in percent": (lambda: metrics.Precision(thresholds=50), ValueError, "thresholds are from 0 to 1, not 50"),
    "a curve that is none": (lambda: metrics.AUC(curve="DET"), ValueError, "AUC: curve is 'ROC', 'PR' or 'PRGAIN', not 'DET'"),
    "an average that is none": (
        lambda: metrics.F1Score(average="samples"), ValueError, "f1_score: average is 'micro', 'macro', 'weighted' or None, not 'samples'",
    ),
    "a class that is not there": (
        lambda: metrics.Recall(class_id=2)(ROWS, PROBS), IndexError, "recall: class_id=2, but the outputs have classes 0 to 1",
    ),
    "more than all classes": (
        lambda: metrics.Precision(top_k=3)(ROWS, PROBS), ValueError,
        "top_k=3 needs outputs of at least so many classes, but they are (3, 2)",
    ),
    "labels that do not fit a metric": (
        lambda: metrics.AUC()(rustorch.zeros(3, 3), PROBS), ValueError, "auc: labels of shape (3, 3) do not fit outputs of shape (3, 2)",
    ),
    "the sparse metric's labels": (
        lambda: metrics.CategoricalAccuracy()(T([0, 1, 1]), PROBS), ValueError,
        "categorical_accuracy: one-hot rows (3, 2) are expected, but labels are (3,); class numbers belong to the "
        "sparse metric of the same name",
    ),
    "the other metric's labels": (
        lambda: metrics.SparseCategoricalAccuracy()(ROWS, PROBS), ValueError,
        "sparse_categorical_accuracy: class numbers (3,) are expected for outputs (3, 2), but labels are (3, 2); "
        "one-hot rows belong to the "
        "categorical metric of the same name",
    ),
    "scores for iou": (
        lambda: metrics.MeanIoU(num_classes=2)(T([0, 1, 1]), PROBS), ValueError,
        "mean_io_u: 3 labels for 6 predictions: for scores of classes say sparse_y_pred=False",
    ),
    # ------------------------------------------------------------------------------------------ callbacks
    "a class in place of its object": (
        lambda: callbacks.CallbackList([callbacks.EarlyStopping]), TypeError,
        "EarlyStopping is a class, and a callback is an object: write EarlyStopping()",
    ),
    "a function in place of a callback": (
        lambda: callbacks.CallbackList([len]), TypeError,
        "a callback is a Callback, not <built-in function len>; functions become one by LambdaCallback(on_epoch_end=…)",
    ),
    "a call that never comes": (
        lambda: callbacks.LambdaCallback(on_epoch_ends=print), TypeError,
        "LambdaCallback: training never calls on_epoch_ends; did you mean 'on_epoch_end'?",
    ),
    "a mode that is none": (
        lambda: callbacks.EarlyStopping(mode="maximum"), ValueError, "EarlyStopping: mode is 'auto', 'min' or 'max', not 'maximum'",
    ),
    "a direction that nobody knows": (
        lambda: epoch(callbacks.EarlyStopping("val_cleverness"), {"val_cleverness": 1.0}), ValueError,
        "EarlyStopping: nobody knows whether more or less of 'val_cleverness' is better: say mode='max' or mode='min'",
    ),
    "a number that is several": (
        lambda: epoch(callbacks.EarlyStopping("val_f1_score"), {"val_f1_score": np.array([0.5, 1.0])}), TypeError,
        "EarlyStopping watches 'val_f1_score', which is not one number but array([0.5, 1. ])",
    ),
    "a path that asks for what is not there": (
        lambda: epoch(callbacks.ModelCheckpoint("m-{val_acc:.2f}"), {"loss": 1.0, "val_accuracy": 0.5}), ValueError,
        "ModelCheckpoint: the path 'm-{val_acc:.2f}' asks for val_acc, but there are epoch, loss, val_accuracy; did you "
        "mean 'val_accuracy'?",
    ),
    "a folder in place of a file": (
        lambda: epoch(callbacks.ModelCheckpoint("/tmp"), {"loss": 1.0}), rustorch.SerializationError,
        "ModelCheckpoint: /tmp is a folder; the path of a file is needed",
    ),
    "a frequency that is none": (
        lambda: callbacks.ModelCheckpoint("m", save_freq="batch"), ValueError,
        "ModelCheckpoint: save_freq is 'epoch' or a number of batches, not 'batch'",
    ),
    "a factor that raises": (
        lambda: callbacks.ReduceLROnPlateau(factor=10), ValueError, "ReduceLROnPlateau: factor is between 0 and 1, not 10",
    ),
    "a schedule without a number": (
        lambda: epoch(callbacks.LearningRateScheduler(lambda n: None), {}), TypeError,
        "LearningRateScheduler: the schedule gave None for epoch 0, not a number",
    ),
    "no optimizer": (
        lambda: epoch(callbacks.LearningRateScheduler(lambda n: 0.1), {}, Epochs(optimizer=False)), rustorch.RusTorchError,
        "the model has no optimizer whose learning rate could be read or set: compile it first",
    ),
    # ------------------------------------------------------------------------------------------ TensorBoard
    "many numbers as a scalar": (
        lambda: board().add_scalar("x", [1.0, 2.0]), ValueError,
        "add_scalar 'x': one number is expected, not (2,); add_histogram takes many",
    ),
    "NaN in a histogram": (
        lambda: board().add_histogram("x", [1.0, float("nan")]), ValueError, "add_histogram 'x': 1 of 2 numbers are NaN or infinite",
    ),
    "an image of other dimensions": (
        lambda: board().add_image("x", np.zeros((4, 4))), ValueError,
        "add_image 'x': an image of shape (4, 4) is not CHW; dataformats names its dimensions, such as CHW, HWC, HW",
    ),
    "an image channels last": (
        lambda: board().add_image("x", np.zeros((8, 8, 3))), ValueError,
        "add_image 'x': an image has 1, 3 or 4 channels, not 8 (dataformats='CHW')",
    ),
    "a step between steps": (lambda: board().add_scalar("x", 1.0, 0.5), ValueError, "'x': global_step is a whole number, not 0.5"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(ERRORS))
def test_errors(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, kind, text = ERRORS[case]
    with pytest.raises(kind) as caught:
        call()
    said = str(caught.value)
    assert isinstance(caught.value, rustorch.RusTorchError)
    assert said.startswith(text) if text.endswith(", ") else said == text


WARNINGS = {
    "a softmax before a loss of scores": (
        lambda: losses.SparseCategoricalCrossentropy(from_logits=True)(T([1, 0, 0]), PROBS),
        "sparse_categorical_crossentropy expects scores before the softmax, but each row of the outputs sums to 1: take "
        "the softmax from the "
        "last layer, or say from_logits=False",
    ),
    "a softmax before PyTorch's loss": (
        lambda: losses.get(nn.CrossEntropyLoss())(T([1, 0, 0]), PROBS),
        "CrossEntropyLoss expects scores before the softmax, but each row of the outputs sums to 1: take the softmax "
        "from the last layer, or "
        "use categorical_crossentropy",
    ),
    "no softmax before a loss of probabilities": (
        lambda: losses.get("categorical_crossentropy")(ROWS, SCORES),
        "categorical_crossentropy expects probabilities, but the outputs go from -2 to 3: end the model with a softmax, "
        "or say from_logits=True",
    ),
    "no sigmoid before a loss of probabilities": (
        lambda: losses.get("binary_crossentropy")(ROWS, SCORES),
        "binary_crossentropy expects probabilities, but the outputs go from -2 to 3: end the model with a sigmoid, or say from_logits=True",
    ),
    "one unit for several classes": (
        lambda: losses.get("categorical_crossentropy")(rustorch.zeros(3, 1), rustorch.ones(3, 1)),
        "categorical_crossentropy: the outputs have one class, so the loss cannot change: for two classes use binary_crossentropy with a "
        "sigmoid, else give the last layer a unit for each class",
    ),
    "scores for an area": (
        lambda: metrics.AUC()(ROWS, SCORES),
        "auc expects probabilities, but the outputs go from -2 to 3: AUC(from_logits=True) takes scores before a sigmoid",
    ),
    "scores for precision": (
        lambda: metrics.Precision()(ROWS, SCORES),
        "precision expects probabilities, but the outputs go from -2 to 3: end the model with a softmax or sigmoid",
    ),
    "one output without a threshold": (
        lambda: metrics.F1Score()(T([[1.0], [0.0]]), T([[0.7], [0.2]])),
        "f1_score: without a threshold the largest of one output is always yes: say F1Score(threshold=0.5)",
    ),
    "too many inputs for the score": (
        lambda: metrics.R2Score(num_regressors=5)(T([[1.0], [2.0], [4.0]]), T([[1.0], [2.5], [3.0]])),
        "R2Score: 5 inputs are too many for 3 labels, so the score is not adjusted",
    ),
    "no validation to watch": (
        lambda: epoch(callbacks.EarlyStopping(), {"loss": 1.0, "accuracy": 0.5}),
        "EarlyStopping watches 'val_loss', but the logs have loss, accuracy: fit needs validation_data or validation_split",
    ),
    "a misspelt number to watch": (
        lambda: epoch(callbacks.ReduceLROnPlateau("val_acuracy", mode="max"), {"loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}),
        "ReduceLROnPlateau watches 'val_acuracy', but the logs have loss, val_loss, val_accuracy, learning_rate; did "
        "you mean 'val_accuracy'?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(WARNINGS))
def test_warnings(case):
    call, text = WARNINGS[case]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert [str(each.message) for each in caught] == [text]
    assert caught[0].filename == __file__  # it points at the user's line


def test_warned_once():
    loss, metric = losses.get("categorical_crossentropy"), metrics.AUC()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            loss(ROWS, SCORES)
            metric.update_state(ROWS, SCORES)
    assert len(caught) == 2


def test_nothing_is_said_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.get("categorical_crossentropy")(ROWS, PROBS)
        losses.SparseCategoricalCrossentropy(from_logits=True)(T([1, 0, 0]), SCORES)
        losses.BinaryCrossentropy(from_logits=True)(ROWS, SCORES)
        losses.get(nn.CrossEntropyLoss())(T([1, 0, 0]), SCORES)
        model = Model(["Dense(2, activation=softmax)"])
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy", "auc"])  # the softmax is fused into the loss
        model.fit(SCORES, T([1, 0, 0]), epochs=1, verbose=0)
        early = callbacks.EarlyStopping()
        epoch(early, {"loss": 1.0, "val_loss": 0.5})
