"""A machine without MPI, HDF5 and Cairo: everything on one process works, and what is missing is named when it is asked for.

Two such machines: one where the plug-ins are not there, and one where they are but the system's libraries are not. For the
second, files that are no libraries stand in the places where the loader looks first: it finds them and cannot open them.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import rustorch

PACKAGE = Path(rustorch._C.__file__).parent  # where the libraries are

TRAIN = """
    import rustorch as rt
    import rustorch.distributed as dist
    from rustorch import nn, optim
    from rustorch.data import DataLoader, DistributedSampler, TensorDataset
    from rustorch.nn.parallel import DistributedDataParallel
    from rustorch.progress import ProgressBar

    dist.init_process_group()
    rt.manual_seed(1)
    x = rt.randn(64, 4)
    data = TensorDataset(x, x.sum(1, keepdim=True))
    loader = DataLoader(data, batch_size=8, sampler=DistributedSampler(data), num_workers=2)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for epoch in range(20):
        for features, targets in ProgressBar(loader, text=f"epoch {epoch}"):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(features), targets)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0], losses
    print("trained with backend", dist.get_backend())
"""

# What is asked for, and the package that the answer must name.
ASKS = {
    "rt.save({'a': rt.ones(2)}, 'a.h5')": "libhdf5",
    "rt.checkpoint.save('runs', model=rt.nn.Linear(2, 2))": "libhdf5",
    "from rustorch.visualization import plot_curves; plot_curves({'loss': {'train': [2.0, 1.0]}}, 'a.png')": "libcairo",
    "import os; os.environ.update(RUSTORCH_WORLD_SIZE='2', PMIX_RANK='0'); rt.distributed.init_process_group()": "openmpi-bin",
}


def needed(plugin):
    """The libraries that a plug-in asks the system for."""
    found = subprocess.run(["readelf", "-d", str(plugin)], capture_output=True, text=True, check=True).stdout
    names = [line.split("[")[1].split("]")[0] for line in found.splitlines() if "(NEEDED)" in line]
    return [name for name in names if name.startswith(("libmpi", "libhdf5", "libcairo", "libpango"))]


@pytest.fixture(params=["no plug-ins", "no system libraries"])
def bare(request, launch):
    """A launcher of a machine that lacks them."""
    if request.param == "no plug-ins":
        whole = request.getfixturevalue("whole_package")

        def others(folder, names):
            return [name for name in names if (name.startswith("rustorch_") and name.endswith(".so")) or name == "__pycache__"]

        shutil.copytree(whole, launch.folder / "package/rustorch", ignore=others)
        launch.environment["PYTHONPATH"] = str(launch.folder / "package")
    else:
        if not shutil.which("readelf"):
            pytest.skip("readelf (binutils) is needed to know what to hide")
        hidden = launch.folder / "hidden"
        hidden.mkdir()
        names = {name for plugin in PACKAGE.glob("rustorch_*.so") for name in needed(plugin)}
        assert len(names) >= 3, names
        for name in names:
            (hidden / name).write_text("")
        launch.environment["LD_LIBRARY_PATH"] = str(hidden)
        launch.environment["PYTHONPATH"] = str(PACKAGE.parent)
    launch.environment["PATH"] = "/nowhere"  # no mpirun
    return launch


def test_one_process_trains(bare):
    job = bare.run(bare.script(TRAIN))
    assert job.code == 0 and job.out.endswith("trained with backend solo\n") and job.err == "", job.err


def test_what_is_missing_is_named(bare):
    for number, (ask, package) in enumerate(ASKS.items()):
        script = "import rustorch as rt, rustorch.distributed\nprint('imported')\ntry: %s\n" % ask
        script += "except ImportError as e: print(type(e).__name__, isinstance(e, rt.RusTorchError), e)"
        job = bare.run(bare.script(script, "ask%d.py" % number))
        assert job.code == 0 and job.out.startswith("imported\nPluginError True "), (ask, job.out, job.err)
        assert re.search("[Ii]nstall.*%s" % package, job.out), (package, job.out)
    assert not list(bare.folder.glob("runs/*")) and not (bare.folder / "a.h5").exists()
    config = bare.run(bare.script("import rustorch; rustorch.show_config()", "config.py"))
    assert config.code == 0, config.err


def test_several_ranks_are_refused(bare):
    job = bare.run("-n", 2, bare.script(TRAIN))
    assert job.code == 2 and job.err.count("\n") == 1 and "openmpi-bin" in job.err


def test_ranks_without_the_plug_in(bare, launch_mpi):
    """mpirun is there, what the ranks need is not: one of them says so."""
    bare.environment["PATH"] = os.environ["PATH"]
    job = bare.run("-n", 2, bare.script("import rustorch.distributed as d\nd.init_process_group()"))
    assert job.code == 1 and job.err.count("Traceback") == 1 and "openmpi-bin" in job.err
