"""Callbacks of ``fit``: Keras 3's, called in Keras's order.

Examples
--------
>>> from rustorch.training import callbacks
>>> given = [callbacks.EarlyStopping(patience=3), callbacks.CSVLogger("training.csv"), callbacks.TerminateOnNaN()]
"""

from rustorch.training.callbacks._backup import BackupAndRestore
from rustorch.training.callbacks._base import Callback, CallbackList, History, LambdaCallback
from rustorch.training.callbacks._files import CSVLogger, TensorBoard
from rustorch.training.callbacks._monitor import EarlyStopping, ModelCheckpoint, MonitorCallback, ReduceLROnPlateau
from rustorch.training.callbacks._progress import ProgbarLogger, ProgressBar
from rustorch.training.callbacks._rates import LearningRateScheduler, TerminateOnNaN

__all__ = [
    "BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback", "LearningRateScheduler",
    "ModelCheckpoint", "MonitorCallback", "ProgbarLogger", "ProgressBar", "ReduceLROnPlateau", "TensorBoard", "TerminateOnNaN",
]  # fmt: skip
