"""Event files for TensorBoard, under the path that PyTorch has them at.

What is written here is read by ``tensorboard --logdir runs``; nothing of TensorBoard or TensorFlow is needed to write.

Examples
--------
>>> from rustorch.utils.tensorboard import SummaryWriter
>>> with SummaryWriter("runs/first") as writer:
...     for step in range(3):
...         writer.add_scalar("loss", 1.0 / (step + 1), step)
"""

from rustorch.utils.tensorboard._record import EventFileWriter
from rustorch.utils.tensorboard.writer import SummaryWriter

FileWriter = EventFileWriter

__all__ = ["EventFileWriter", "FileWriter", "SummaryWriter"]
