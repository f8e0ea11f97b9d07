"""In the folder that `rustorch.compat.install` puts on the path of child processes: the first `import torch` of one."""

import rustorch.compat

rustorch.compat.install()  # puts rustorch into sys.modules under this name
