"""Common mistakes, and the words that help: what was asked, what was found, what to do."""

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.data import DataLoader, Dataset, TensorDataset
from rustorch.training import BackupAndRestore, ModelBuilder, Trainer, TrainerConfig, TrainingHistory, callbacks, layers, optimizers

X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")
NUMBERS = np.arange(20) % 3
ONE_HOT = np.eye(3, dtype="float32")[NUMBERS]
Y = X[:, :1]
LOADER = DataLoader(TensorDataset(rustorch.tensor(X), rustorch.tensor(Y)), batch_size=5)


def model(*texts, loss="mse", optimizer="adam", metrics=None):
    made = rustorch.Model(list(texts) or ["Dense(8, activation=relu)", "Dense(1)"])
    made.compile(optimizer, loss, metrics=metrics)
    return made


def classifier(loss="sparse_categorical_crossentropy", units=3, end="softmax", **more):
    return model("Dense(8, activation=relu)", f"Dense({units}, activation={end})", loss=loss, **more)


def fit(made, x=X, y=Y, **options):
    return made.fit(x, y, verbose=0, epochs=1, **options)


def twice(layer, first, second):
    layer(rustorch.zeros(first))
    layer(rustorch.zeros(second))


class Empty(Dataset):
    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError


class Several(nn.Module):
    """Gives a number for the whole batch."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(rustorch.ones(()))

    def forward(self, x):
        return self.weight * x.sum()


class Far(rustorch.Tensor):
    """A tensor that says it is on a GPU: there is none here to put one on."""

    device = property(lambda self: rustorch.device("cuda:0"))


def far(shape):
    return rustorch.Tensor._make_subclass(Far, rustorch.zeros(shape), False)


# What is done, the error's class, and words of its message.
MISTAKES = [
    # ---- layers
    (lambda: model("Dens(8)"), ValueError, "there is no layer 'Dens'; did you mean 'Dense'?", "    Dens(8)\n    ^"),
    (lambda: model("Conv2(8, 3)"), ValueError, "did you mean 'Conv2D'?"),
    (lambda: model("Drop(0.5)"), ValueError, "did you mean 'Dropout'?"),
    (lambda: model("MaxPooling(2)"), ValueError, "did you mean 'MaxPooling"),
    (lambda: model("Dense(8, activaton=relu)"), TypeError, "no argument 'activaton'; did you mean 'activation'?", "\n             ^"),
    (lambda: model("Dense(8, activation=rleu)"), ValueError, "no activation 'rleu'; did you mean 'relu'?"),
    (lambda: model("Dense(8, kernel_initializer=glorot_unifrom)"), ValueError, "did you mean 'GlorotUniform'?"),
    (lambda: model("Dense(8, kernel_regularizer=l3)"), ValueError, "no regularizer 'l3'", "L1L2"),
    (lambda: model("Dense()"), TypeError, "Dense needs 'units'"),
    (lambda: model("Dense(0)"), ValueError, "units must be 1 or more, not 0"),
    (lambda: model("Dense(2.5)"), TypeError, "units must be a whole number, not 2.5"),
    (lambda: model("Dense(ten)"), TypeError, "units must be a whole number, not 'ten'"),
    (lambda: model("Dense(784, 128)"), TypeError, "the size of the input is learnt from the first batch"),
    (lambda: model("Dense(8"), ValueError, "',' or ')' is expected where the text ends"),
    (lambda: model("Dense(8) Dense(9)"), ValueError, "one text is one layer"),
    (lambda: model("Dense(8, activation: relu)"), ValueError, "arguments are given as key=value"),
    (lambda: model("Dense(8, activation='relu)"), ValueError, "a quoted text is not closed"),
    (lambda: model("Dense(units=8, units=9)"), ValueError, "'units' is given twice"),
    (lambda: model("Dense(8, units=9)"), TypeError, "'units' is given twice"),
    (lambda: model(""), ValueError, "a layer's text is empty"),
    (lambda: model("Conv2D(8, 3, padding=1)"), ValueError, "'valid' or 'same'", "put ZeroPadding2D before the layer"),
    (lambda: model("Conv2D(8, (3, 3, 3))"), ValueError, "kernel_size must be a whole number or 2 of them"),
    (lambda: model("Conv2D(8, 3, data_format=NCHW)"), ValueError, "'channels_first' or 'channels_last'"),
    (lambda: model("Conv2D(8, 3, strides=2, dilation_rate=2)"), ValueError, "cannot both be more than 1"),
    (lambda: model("Dropout(50)"), ValueError, "rate must be from 0 to 1, not 50"),
    (lambda: model("LSTM(8, activation=relu)"), NotImplementedError, "activation is tanh and cannot be 'relu'"),
    (lambda: model("Bidirectional(Dense(8))"), TypeError, "a recurrent layer such as LSTM(32) is expected"),
    (lambda: model("Permute((0, 1))"), ValueError, "an order of 1 … 2 (the batch is not counted)"),
    (lambda: model("GroupNorm(2, chanels=4)"), TypeError, "no argument 'chanels'", "num_channels"),
    (lambda: model(layers.Dense), TypeError, "Dense is a class; add an object"),
    (lambda: model(64), TypeError, "a text such as 'Dense(64, activation=relu)' or a module is expected, not int"),
    (lambda: rustorch.Model("a", "Dense(3)"), TypeError, "Model takes a name (text) and a list of layers", "not str"),
    (lambda: rustorch.Model(3), TypeError, "Model takes a name (text) and a list of layers", "not int"),
    (lambda: rustorch.Model(name=3), TypeError, "name must be a text, not int"),
    (lambda: model("Dense(3, name=a)", "Dense(3, name=a)"), ValueError, "there is a layer named 'a' already"),
    (lambda: model("Dense(3)", "Input((4,))"), ValueError, "must come first"),
    (lambda: rustorch.Model(["Dense(3)"]).get_layer("dens"), ValueError, "no layer 'dens'; did you mean 'dense'?"),
    (lambda: rustorch.Model(["Dense(3)"]).get_layer(index=4), ValueError, "there is no layer 4: the model has 1"),
    (lambda: rustorch.Model().pop(), ValueError, "the model has no layers"),
    (lambda: ModelBuilder().dens(8), AttributeError, "no attribute 'dens'; did you mean 'Dense'?"),
    # ---- shapes on the way through the model
    (lambda: fit(model(), X, Y).model(X[:, :3]), ValueError, "layer 'dense' (Dense) takes inputs of width 4", "got shape (20, 3)"),
    (lambda: fit(model(), X[:, 0]), ValueError, "takes inputs of 2 or more dimensions (the first counts samples)", "(20,)"),
    (lambda: model("Conv2D(8, 3)")(rustorch.zeros(2, 28, 28)),
     ValueError, "takes inputs of 4 dimensions, (batch, channels, height, width)"),
    (lambda: model("Conv2D(8, 3)")(rustorch.zeros(2, 28, 28, 1)), ValueError, "reaches over 3 places", "(2, 28, 28, 1)"),
    (lambda: twice(layers.Conv2D(8, 3, padding="same"), (2, 3, 8, 8), (2, 8, 8, 3)), ValueError, "takes 3 channels", "data_format"),
    (lambda: model("MaxPool2D(4)")(rustorch.zeros(2, 3, 2, 2)), ValueError, "the window (4, 4) is larger than the input"),
    (lambda: model("Embedding(5, 2)")(rustorch.tensor([[7]])), IndexError, "rows 0 to 4", "input_dim must be more than the largest"),
    (lambda: model("Reshape((2, 3))")(rustorch.zeros(2, 7)), ValueError, "has 7 values and cannot become (2, 3)"),
    (lambda: model("LSTM(3)")(rustorch.zeros(2, 7)), ValueError, "takes inputs of 3 dimensions, (batch, steps, features)"),
    (lambda: model(nn.Linear(3, 2))(rustorch.zeros(2, 7)), ValueError, "(in layer 'linear', Linear, for an input of shape (2, 7))"),
    (lambda: rustorch.Model()(rustorch.zeros(2, 7)), RuntimeError, "the model has no layers: add some, such as model.add('Dense(10)')"),
    (lambda: model()("잘못된 입력"), rustorch.RusTorchError, "the model's input must be an array or a tensor, not str"),
    (lambda: model()(None), rustorch.RusTorchError, "must be an array or a tensor, not NoneType"),
    (lambda: model()({"x": 1}), rustorch.RusTorchError, "must be an array or a tensor, not dict"),
    (lambda: rustorch.Model(["Dense(3)"]).build("a"), TypeError, "a tuple such as (None, 784)"),
    (lambda: rustorch.Model(["Dense(3)"]).build((None, None)), ValueError, "only the first size of input_shape, the batch, may be None"),
    (lambda: rustorch.Model(["Dense(3)"]).count_params(), RuntimeError, "call model.build(input_shape)"),
    (lambda: rustorch.Model(["Dense(3)"]).set_weights([X]), ValueError, "build it first"),
    (lambda: fit(model("Dense(1)")).model.set_weights([X, Y]), ValueError, "'weight' of shape (4, 1), given is (20, 4)"),
    # ---- compile
    (lambda: rustorch.Model(["Dense(3)"]).fit(X, Y), RuntimeError, "Model must be compiled before training: call model.compile("),
    (lambda: rustorch.Model(["Dense(3)"]).evaluate(X, Y), RuntimeError, "before evaluate"),
    (lambda: rustorch.Model(["Dense(3)"]).train_on_batch(X, Y), RuntimeError, "before train_on_batch"),
    (lambda: fit(model(loss=None)), RuntimeError, "fit needs a loss, but compile was called without one"),
    (lambda: model(optimizer="adm"), ValueError, "there is no optimizer 'adm'; did you mean 'adam'?", "rmsprop"),
    (lambda: model(optimizer="lbfgs"), NotImplementedError, "needs a closure"),
    (lambda: model(optimizer={"name": "adam", "learnin_rate": 0.1}), TypeError, "no option 'learnin_rate'; did you mean 'learning_rate'?"),
    (lambda: model(optimizer={"name": "adam", "lr": 0.1, "learning_rate": 0.2}), TypeError, "'lr' is given twice"),
    (lambda: model(optimizer={"name": "adam", "learning_rate": -1}), ValueError, "must be a number of 0 or more, not -1"),
    (lambda: model(optimizer={"name": "adam", "learning_rate": "0.1"}),
     ValueError, "must be a number of 0 or more, not '0.1'", "LearningRateScheduler"),
    (lambda: model(optimizer={"name": "adam", "beta_1": 2}), ValueError, "optimizer adam", "2"),
    (lambda: model(optimizer={"name": "sgd", "clipnorm": 1, "clipvalue": 1}),
     ValueError, "only one of clipnorm, clipvalue and global_clipnorm"),
    (lambda: model(optimizer={"name": "sgd", "clipnorm": -1}), ValueError, "clipnorm must be a number more than 0"),
    (lambda: model(optimizer={"name": "sgd", "use_ema": True}), NotImplementedError, "AveragedModel"),
    (lambda: model(optimizer={"learning_rate": 0.1}), TypeError, "a name such as 'adam' is expected"),
    (lambda: model(optimizer={"name": "adam", "gradient_accumulation_steps": 0}), ValueError, "a whole number of 1 or more, not 0"),
    (lambda: model(optimizer=rustorch.optim.Adam), TypeError, "Adam is a class; give its name, 'adam', or an object"),
    (lambda: model(optimizer=5), TypeError, "5"),
    (lambda: fit(model(optimizer=rustorch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1))),
     ValueError, "was made for other parameters than this model's"),
    (lambda: optimizers.Adam(0.1, epsilonn=1), TypeError, "did you mean 'epsilon'?"),
    (lambda: model(loss="mes"), ValueError, "mse"),
    (lambda: model(metrics=["acuracy"]), ValueError, "accuracy"),
    (
        lambda: model(metrics={"a": "mae", "b": "mse"}), TypeError,
        "compile: metrics is given for the outputs 'a', 'b', but the model has one output",
    ),
    (lambda: model(metrics=["mae", "mae"]), ValueError, "the metric's name 'mae' is that of two"),
    (lambda: rustorch.Model(["Dense(1)"]).compile("adam", "mse", metric=["mae"]),
     TypeError, "no argument 'metric'; did you mean 'metrics'?"),
    (lambda: rustorch.Model(["Dense(1)"]).compile("adam", "mse", learning_rate=0.1), TypeError, "give the rate to the optimizer"),
    (lambda: rustorch.Model(["Dense(1)"]).compile("adam", "mse", steps_per_execution=0), ValueError,
     "steps_per_execution must be a whole number of 1 or more"),
    (lambda: rustorch.Model(["Dense(1)"]).compile("adam", "mse", loss_weights=[1, 2]), TypeError,
     "loss_weights is given 2 times, but the model has one output"),
    (lambda: rustorch.Model(["Dense(1)"]).compile("adam", "mse", loss_weights="2"), TypeError, "loss_weights must be a number"),
    (lambda: fit(model("Flatten()")), RuntimeError, "the model has no parameters"),
    (lambda: fit(model("Dense(1, trainable=False)")), RuntimeError, "there is nothing to train", "frozen"),
    # ---- targets and losses
    (lambda: fit(classifier(), y=NUMBERS + 1), IndexError, "labels go from 1 to 3, but the outputs have 3 classes", "subtract 1"),
    (lambda: fit(classifier(units=2), y=NUMBERS), IndexError, "the last layer needs 3 units"),
    (lambda: fit(classifier(), y=NUMBERS - 1), IndexError, "labels go from -1 to 1", "ignore_class=-1"),
    (lambda: fit(classifier(), y=NUMBERS + 0.5), ValueError, "not a whole number"),
    (lambda: fit(classifier("categorical_crossentropy", units=4), y=ONE_HOT),
     ValueError, "labels have 3 classes and the last layer gives 4"),
    (lambda: fit(model("Dense(3)"), y=NUMBERS), ValueError, "do not fit outputs of shape (20, 3)", "sparse_categorical_crossentropy"),
    (lambda: fit(model("Dense(2)"), y=ONE_HOT), ValueError, "the last layer gives 2 numbers a sample, and a target has 3"),
    (lambda: fit(model(loss=lambda a, b: 0.0)), TypeError, "not a tensor"),
    (lambda: fit(model("Dense(1)", loss=lambda a, b: (a - b.detach()).square().mean(-1))),
     RuntimeError, "does not lead back to the outputs"),
    # ---- data
    (lambda: fit(model(), None), TypeError, "there is no data: x is None"),
    (lambda: fit(model(), X, None), ValueError, "inputs without targets", "TensorDataset(x, y)"),
    (lambda: fit(model(), X, Y[:9]), ValueError, "x has 20 samples", "y has 9"),
    (lambda: fit(model(), X[:0], Y[:0]), ValueError, "the data is empty: x has shape (0, 4)"),
    (lambda: model().fit(Empty()), ValueError, "the data set has no samples"),
    (lambda: model().fit([]), ValueError, "the data is empty: a list without batches"),
    (lambda: model().fit(DataLoader(LOADER.dataset, batch_size=50, drop_last=True)),
     ValueError, "drop_last=True leaves nothing of 20 samples in batches of 50"),
    (lambda: model().fit(iter([])), ValueError, "the data is empty: it gave no batch"),
    (lambda: model().fit(LOADER, Y), ValueError, "y is given, but x is a DataLoader, whose batches hold it already"),
    (lambda: model().fit([X, X], Y), ValueError, "x is a list of 2 arrays, but the model has one input: stack them (numpy.stack"),
    (lambda: model().fit(LOADER, batch_size=9), ValueError, "the DataLoader makes batches of 5: leave batch_size out"),
    (lambda: fit(model(), "train.csv"), TypeError, "the data is the text 'train.csv'"),
    (lambda: fit(model(), {"a": X, "b": X}), TypeError, "the data is a dictionary with 'a', 'b': the model has one input"),
    (lambda: fit(model(), X.astype(str)), TypeError, "x must hold numbers, not an array of <U"),
    (lambda: fit(model(), [[1, 2], [3]]), (TypeError, ValueError), "equal"),
    (lambda: fit(model(), 5), TypeError, "int is no data"),
    (lambda: model().fit([{"image": X, "label": Y}]), TypeError, "a batch is a dictionary with 'image', 'label'", "collate_fn"),
    (lambda: model().fit([(X, Y, Y, Y)]), TypeError, "(inputs, targets, sample weights), not a tuple of 4 parts"),
    (lambda: model().fit([(X, Y[:3])]), ValueError, "a batch has 20 inputs of shape (20, 4), but targets of shape (3, 1)"),
    (lambda: fit(model(), far((20, 4))), rustorch.DeviceError, "x is on cuda:0, the model is on the CPU: move it with x.cpu()"),
    (lambda: fit(model(), X, far((20, 1))), rustorch.DeviceError, "y is on cuda:0"),
    (lambda: fit(model(), batch_size=0), ValueError, "batch_size must be a whole number of 1 or more, not 0"),
    (lambda: model().predict([]), ValueError, "predict: the data is empty"),
    # ---- fit
    (lambda: model().fit(X, Y, epochs=-1), ValueError, "epochs must be a whole number of 0 or more, not -1"),
    (lambda: model().fit(X, Y, epochs=2.5), ValueError, "epochs must be a whole number"),
    (lambda: model().fit(X, Y, verbose="loud"), ValueError, "verbose must be True, False, 0, 1, 2 or 'auto', not 'loud'"),
    (lambda: fit(model(), validation_split=1.5), ValueError, "validation_split must be more than 0 and less than 1, not 1.5"),
    (lambda: fit(model(), X[:1], Y[:1], validation_split=0.5), ValueError, "leaves 0 to train with and 1 to validate with"),
    (lambda: model().fit(LOADER, validation_split=0.2),
     ValueError, "validation_split needs arrays or tensors, not DataLoader", "random_split"),
    (lambda: fit(model(), validation_split=0.2, validation_data=(X, Y)), ValueError, "cannot both be given"),
    (lambda: fit(model(), validation_steps=2), ValueError, "validation_steps is given without validation_data"),
    (lambda: fit(model(), validation_data=(X, Y), validation_freq=0), ValueError, "validation_freq must be 1 or more, not 0"),
    (lambda: fit(model(), validation_data=X), ValueError, "inputs without targets"),
    (lambda: fit(model(), steps_per_epoch=0), ValueError, "steps_per_epoch must be a whole number of 1 or more"),
    (lambda: fit(classifier(), y=NUMBERS, class_weight=[1, 2, 3]), TypeError, "class_weight must be a dictionary of classes and weights"),
    (lambda: fit(classifier(), y=NUMBERS, class_weight={"cat": 1}), TypeError, "must be whole numbers of 0 or more, not 'cat'"),
    (lambda: fit(classifier(), y=NUMBERS, class_weight={0: -1}), ValueError, "the weight of class 0 must be a number of 0 or more, not -1"),
    (lambda: fit(classifier(), y=NUMBERS, class_weight={0: 2}, sample_weight=Y[:, 0]), ValueError, "cannot both be given"),
    (lambda: fit(model(), sample_weight=Y[:3]), ValueError, "x has 20 samples", "sample_weight has 3"),
    (lambda: fit(model(), callbacks=[callbacks.EarlyStopping]), TypeError, "EarlyStopping is a class"),
    (lambda: fit(model(), callbacks=[print]), TypeError, "a callback is a Callback"),
    (lambda: fit(model(Several())), ValueError, "one tensor with a row for each of 20 samples"),
    # ---- the trainer
    (lambda: Trainer(5), TypeError, "config must be a TrainerConfig, not int"),
    (lambda: Trainer(TrainerConfig()).train(rustorch.Model(["Dense(1)"]), LOADER), RuntimeError, "the model is not compiled"),
    (lambda: Trainer(TrainerConfig()).train(LOADER), TypeError, "no model is given: trainer.train(model, train_loader, val_loader)"),
    (lambda: Trainer(TrainerConfig()).train(model()), TypeError, "no data to train with is given"),
    (lambda: Trainer(TrainerConfig(batch_size=7, verbose=0)).train(model(), LOADER), ValueError, "the DataLoader makes batches of 5"),
    (lambda: TrainerConfig(epochs="5"), TypeError, "epochs must be a whole number, not '5'"),
    (lambda: TrainerConfig(validation_frequency=0), ValueError, "validation_frequency must be 1 or more, not 0"),
    (lambda: TrainerConfig(gradient_clip_value=-1.0), ValueError, "gradient_clip_value must be more than 0"),
    (lambda: TrainerConfig(device="cuda"), rustorch.DeviceError, "device 'cuda' is not available here"),
    (lambda: TrainerConfig(learning_rate="fast"), TypeError, "learning_rate must be a number, not 'fast'"),
    (lambda: BackupAndRestore("a", save_freq="batch"), ValueError, "'epoch' or a whole number of epochs, not 'batch'"),
    (lambda: TrainingHistory().load_state_dict({}), ValueError, "not the state of a TrainingHistory"),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes(number):
    act, kind, *words = MISTAKES[number]
    with pytest.raises(kind) as caught:
        act()
    told = str(caught.value)
    assert isinstance(caught.value, (rustorch.RusTorchError, AttributeError)), type(caught.value)
    for each in words:
        assert each in told, told


def test_there_are_enough():
    assert len(MISTAKES) >= 60


# Mistakes that are no errors: training goes on, with a warning.
@pytest.mark.parametrize("made, y, words", [
    (lambda: classifier(loss=nn.CrossEntropyLoss()), NUMBERS, "softmax"),
    (lambda: classifier(loss={"name": "sparse_categorical_crossentropy", "from_logits": True}), NUMBERS, "softmax"),
    (lambda: classifier(loss={"name": "categorical_crossentropy", "from_logits": True}), ONE_HOT, "softmax"),
])  # fmt: skip
def test_warnings(made, y, words):
    with pytest.warns(UserWarning, match=words):
        fit(made(), y=y)
