"""In the folder that `rustorch.compat.install` puts on the path of child processes: the first `import torchvision` of one."""

import sys

import rustorch.compat
import rustorch.vision

rustorch.compat.install()
sys.modules[__name__] = rustorch.vision
