"""The command line: what is asked wrongly is said in one line, and nothing is started."""

import os

import pytest

CORES = len(os.sched_getaffinity(0))


def refused(launch, *words, code=2, **more):
    job = launch.run(*words, **more)
    assert job.code == code and job.out == "" and job.err.count("\n") == 1, (job.code, job.err)
    assert job.err.startswith("rustorch-launch: ")
    return job.err


def test_help_is_one_screen(launch):
    for word in ("--help", "-h"):
        job = launch.run(word)
        assert job.code == 0 and job.err == ""
        assert len(job.out.splitlines()) <= 24 and max(map(len, job.out.splitlines())) <= 110
    assert job.out.startswith("usage: rustorch-launch") and "VIRTUAL_ENV" in job.out


def test_version(launch):
    assert launch.run("--version").out.startswith("rustorch-launch 0.")


def test_numbers_of_ranks(launch):
    script = launch.script("open('ran', 'w')")
    assert "at least one rank" in refused(launch, "-n", 0, script)
    assert "--oversubscribe" in refused(launch, "-n", 1000 * CORES, script)
    assert "whole number" in refused(launch, "-n", "two", script)
    assert "whole number" in refused(launch, "-n", "-1", script)
    assert "whole number" in refused(launch, "-n", "1.5", script)
    assert "needs a value" in refused(launch, "-n")
    assert not (launch.folder / "ran").exists()


def test_unknown_options(launch):
    assert "did you mean --max-restarts?" in refused(launch, "--max-restart=3", "x.py")
    assert "did you mean --log-dir?" in refused(launch, "--logdir", "x.py")
    assert "unknown option --frobnicate;" in refused(launch, "--frobnicate", "x.py")
    assert "takes no value" in refused(launch, "--dry-run=yes", "x.py")
    assert "--prefix takes auto" in refused(launch, "--prefix", "often", "x.py")
    assert "unknown option -z" in refused(launch, "-z", "x.py")


def test_the_script(launch):
    assert "the script is missing" in refused(launch)
    assert "the module's name is missing" in refused(launch, "-m")
    assert "there is no script nothing.py" in refused(launch, "nothing.py")
    assert "there is no script nothing.py" in refused(launch, "-n", "2", "nothing.py")
    launch.script("")
    assert "did you mean train.py?" in refused(launch, "train")
    assert "without __main__.py" in refused(launch, ".")
    assert "Not a directory" in refused(launch, "train.py/x")


def test_the_interpreter(launch):
    script = launch.script("")
    assert "--python: /no/python is not a program" in refused(launch, "--python", "/no/python", script)
    assert "--python: there is no program nopython on PATH" in refused(launch, "--python", "nopython", script)
    assert "RUSTORCH_PYTHON: /no is not" in refused(launch, script, environment={"RUSTORCH_PYTHON": "/no"})
    launch.environment.pop("RUSTORCH_PYTHON")
    launch.environment.pop("VIRTUAL_ENV", None)
    launch.apart()
    assert "no Python found" in refused(launch, script, environment={"PATH": "/nowhere"})


def test_options_end_at_the_script(launch):
    script = launch.script("import sys; print(sys.argv)", "-odd.py")
    assert launch.run("--", script, "--help").out == "['-odd.py', '--help']\n"


NUMBERS = """
    import os
    names = "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "RUSTORCH_RESTART_COUNT"
    print(*(os.environ[name] for name in names))
"""
SLURM = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_NODEID": "0"}


def test_srun_without_pmix(launch):
    """N jobs of one rank would start: it is refused, by the first of them alone."""
    script = launch.script("print('ran')")
    step = dict(SLURM, SLURM_STEP_NUM_TASKS="4", SLURM_STEP_TASKS_PER_NODE="4", SLURM_PROCID="0", SLURM_LOCALID="0")
    assert "srun --mpi=pmix" in refused(launch, script, code=1, environment=step)
    pmi2 = dict(step, PMI_RANK="0", PMI_SIZE="4", MPI_LOCALRANKID="0", MPI_LOCALNRANKS="4")
    assert "srun --mpi=pmix" in refused(launch, script, code=1, environment=pmi2)


def test_srun_with_pmix(launch):
    script = launch.script(NUMBERS)
    step = dict(
        SLURM,
        SLURM_STEP_NUM_TASKS="5",
        SLURM_STEP_TASKS_PER_NODE="2(x2),1",
        SLURM_PROCID="3",
        SLURM_LOCALID="1",
        SLURM_NODEID="1",
        SLURM_RESTART_COUNT="2",
        PMIX_RANK="3",
        PMIX_NAMESPACE="slurm.pmix.7.0",
    )
    assert launch.run(script, environment=step).out == "3 5 1 2 2\n"


def test_batch_script_and_interactive_step(launch):
    """Neither is a rank."""
    script = launch.script("import os; print(os.environ['WORLD_SIZE'])")
    batch = dict(SLURM, SLURM_PROCID="0", SLURM_LOCALID="0", SLURM_NTASKS="4")
    assert launch.run(script, environment=batch).out == "1\n"
    shell = dict(batch, SLURM_STEP_NUM_TASKS="1", SLURM_STEP_TASKS_PER_NODE="1")
    assert launch.run(script, environment=shell).out == "1\n"


@pytest.mark.parametrize(
    "names",
    [
        ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
        ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
        ("PALS_RANKID", "PMI_SIZE", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE"),
    ],
)
def test_other_starters(launch, names):
    script = launch.script(NUMBERS)
    job = launch.run(script, environment=dict(zip(names, "5612")))
    assert job.out == "5 6 1 2 0\n"
    assert "that cannot be" in launch.run(script, environment=dict(zip(names, "0012"))).err


def test_pmix_alone_says_no_size(launch):
    script = launch.script("")
    assert "how many ranks" in refused(launch, script, code=1, environment={"PMIX_RANK": "0", "PMIX_NAMESPACE": "x"})
