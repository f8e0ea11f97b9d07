"""One rank: everything is as `python train.py` would have it."""

import os
import signal
import subprocess
import sys
import time

import pytest


SHOW = """
    import json, os, sys
    print(json.dumps({
        "argv": sys.argv, "name": __name__, "file": __file__, "path0": sys.path[0], "executable": sys.executable,
        "prefix": sys.prefix, "base": sys.base_prefix, "spec": __spec__ is None, "package": __package__,
        "main": sys.modules["__main__"].__dict__ is globals(), "names": sorted(globals()),
        "flags": str(sys.flags), "orig": getattr(sys, "orig_argv", None) and sys.orig_argv[1:],
        "loader": type(__loader__).__name__, "path": sys.path, "doc": __doc__,
    }))
"""


def python(launch, *words, **more):
    return subprocess.run(
        [sys.executable, *words], cwd=launch.folder, env=launch.environment, capture_output=True, text=True, **more
    )


def same_as_python(launch, *words, **more):
    """Runs both; they print the same and end with the same code."""
    ours, theirs = launch.run(*words, **more), python(launch, *words, stdin=subprocess.DEVNULL)
    assert (ours.code, ours.out, ours.err) == (theirs.returncode % 256, theirs.stdout, theirs.stderr)
    return ours


def test_main_module_is_as_in_python(launch):
    script = launch.script('"""A doc."""\n' + SHOW.replace("\n    ", "\n"))
    same_as_python(launch, script, "a", "--flag", "-n", "3", "--", "-x", "")


def test_script_in_another_folder(launch):
    (launch.folder / "sub").mkdir()
    launch.script("word = 'beside the script'", "sub/helper.py")
    script = launch.script("import helper; print(helper.word)\n" + SHOW.replace("\n    ", "\n"), "sub/train.py")
    same_as_python(launch, script)
    os.symlink("sub/train.py", launch.folder / "link.py")
    same_as_python(launch, "link.py")


def test_module(launch):
    (launch.folder / "package").mkdir()
    launch.script("", "package/__init__.py")
    launch.script(SHOW.replace("\n    ", "\n").replace("__spec__ is None", "__spec__.name"), "package/__main__.py")
    launch.script(SHOW.replace("\n    ", "\n").replace("__spec__ is None", "__spec__.name"), "package/part.py")
    same_as_python(launch, "-m", "package", "a", "-b")
    same_as_python(launch, "-m", "package.part", "a", "-b")
    missing = launch.run("-m", "no_such_module")
    assert missing.code == 1 and "No module named no_such_module" in missing.err
    again = launch.run("--max-restarts", 2, "-m", "no_such_module.part")
    assert again.code == 1 and "No module named 'no_such_module'" in again.err and "starting the job again" not in again.err
    launch.script("raise SystemExit('out of luck')", "package/fails.py")
    again = launch.run("--max-restarts", 1, "-m", "package.fails")
    assert again.code == 1 and "out of luck" in again.err and "starting the job again" in again.err


def test_folder_with_main(launch):
    (launch.folder / "app").mkdir()
    launch.script("import sys; print('app', sys.argv, sys.path[0])", "app/__main__.py")
    same_as_python(launch, "app", "x")


def test_environment_of_the_caller(launch):
    """A virtual environment's python is known by its place."""
    launch.apart()
    environment = launch.folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    script = launch.script("import sys; print(sys.prefix, sys.executable)")
    launch.environment.pop("RUSTORCH_PYTHON")
    launch.environment.pop("VIRTUAL_ENV", None)
    job = launch.run(script, environment={"VIRTUAL_ENV": str(environment)})
    assert job.out.split() == [str(environment), str(environment / "bin/python")]
    job = launch.run("--python", environment / "bin/python3", script)
    assert job.out.split() == [str(environment), str(environment / "bin/python3")]
    linked = environment / "bin/rustorch-launch"
    linked.symlink_to(launch.program)
    plain = dict(cwd=launch.folder, env=launch.environment, capture_output=True, text=True)
    out = subprocess.run([linked, script], **plain)
    assert out.stdout.split() == [str(environment), str(environment / "bin/python")]
    launch.environment["PATH"] = "%s:%s" % (environment / "bin", launch.environment["PATH"])
    out = subprocess.run(["sh", "-c", "rustorch-launch train.py"], **plain)
    assert out.stdout.split() == [str(environment), str(environment / "bin/python")]


def test_without_a_shared_library(launch):
    """An interpreter that cannot be embedded is executed, with the same behaviour."""
    wrapper = launch.folder / "mypython"
    wrapper.write_text('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
    wrapper.chmod(0o755)
    script = launch.script(SHOW + "\n    import sys\n    sys.exit(3)")
    embedded = launch.run(script, "a", "b")
    executed = launch.run("--python", wrapper, script, "a", "b")
    assert executed.out == embedded.out and executed.code == embedded.code == 3


def test_subprocess_and_multiprocessing(launch):
    script = launch.script(
        """
        import multiprocessing, subprocess, sys

        def square(x):
            return x * x

        if __name__ == "__main__":
            for method in ("fork", "spawn", "forkserver"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(method, pool.map(square, [1, 2, 3]))
            print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout)
        """
    )
    same_as_python(launch, script)


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit(None)",
        "import sys; sys.exit(0)",
        "import sys; sys.exit('gone')",
        "import sys; sys.exit(256 + 7)",
        "import sys; sys.exit(256)",
        "import sys; sys.exit(-1)",
        "import sys; sys.exit(True)",
        "import sys; sys.exit([1, 2])",
        "raise SystemExit",
        "exit(4)",
        "import os; os._exit(5)",
        "raise ValueError('no')",
        "def f():\n    raise KeyError('x')\ntry:\n    f()\nexcept KeyError as e:\n    raise RuntimeError('y') from e",
        "print('before'); 1/0",
        "import nothing_of_this_name",
        "x = (1,\n",
        "x = 'é'; print(x); assert x == 'e', x",
        "import threading; threading.Thread(target=print, args=('thread',)).start()",
        "import atexit; atexit.register(print, 'at exit')",
        "import atexit, sys; atexit.register(print, 'at exit'); sys.exit(3)",
        "f = open('out.txt', 'w'); f.write('kept'); print(g)",
        "import sys; print('a', end=''); print('b', file=sys.stderr); 1/0",
        "import sys; sys.excepthook = lambda t, v, b: print('mine', v); raise ValueError('no')",
        "import builtins; print(__builtins__ is builtins, __annotations__ if '__annotations__' in globals() else {})",
    ],
)
def test_ends_like_python(launch, text):
    script = launch.script("")
    (launch.folder / script).write_text(text)
    ours = launch.run(script)
    theirs = python(launch, script, stdin=subprocess.DEVNULL)
    if "excepthook" in text:  # shown by the script's own hook; ours adds the exception's line
        assert ours.code == 1 and ours.out == theirs.stdout and ours.err == "ValueError: no\n"
        return
    assert (ours.code, ours.out, ours.err) == (theirs.returncode, theirs.stdout, theirs.stderr)


def test_files_are_flushed_on_failure(launch):
    script = launch.script("f = open('out.txt', 'w'); f.write('kept'); 1/0")
    assert launch.run(script).code == 1
    assert (launch.folder / "out.txt").read_text() == "kept"


def test_syntax_error(launch):
    job = launch.run(launch.script("print('a'\nfor"))
    assert job.code == 1 and "SyntaxError" in job.err and "train.py" in job.err and job.out == ""


def test_standard_input(launch):
    script = launch.script("import sys; print(input(), sys.stdin.read().split())")
    (launch.folder / "in.txt").write_text("one\ntwo three\n")
    with open(launch.folder / "in.txt") as file:
        assert launch.run(script, stdin=file).out == "one ['two', 'three']\n"


def test_output_is_live(launch):
    script = launch.script("import time; print('now'); time.sleep(30)")
    job = launch.start(script)
    assert job.process.stdout.readline() == "now\n"
    job.process.send_signal(signal.SIGTERM)
    assert job.finish(5).code == 143


def test_killed(launch):
    job = launch.run(launch.script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert job.code == 137 and "killed by signal 9" in job.err


def test_crash_shows_the_python_stack(launch):
    script = launch.script("def inner():\n    import ctypes\n    ctypes.string_at(0)\ninner()")
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"  # which would take the signal for itself
    job = launch.run(script, environment={"ASAN_OPTIONS": sanitizer})
    assert job.code == 139 and "signal 11" in job.err and "in inner" in job.err
    assert job.err.count("Fatal Python error") == 1


def test_children_of_a_failed_script_go_with_it(launch):
    script = launch.script(
        """
        import os, subprocess, sys, time
        subprocess.Popen(["sleep", "60"], start_new_session=True)
        if os.fork() == 0:
            time.sleep(60)
        raise ValueError
        """
    )
    job = launch.run(script)
    assert job.code == 1 and job.seconds < 3


@pytest.mark.parametrize("number,code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_told_to_stop(launch, number, code):
    script = launch.script(
        """
        import time
        try:
            open("up", "w").write("1\\n")
            time.sleep(60)
        finally:
            print("finally")
        """
    )
    job = launch.start(script)
    job.wait_for(launch.folder / "up")
    job.process.send_signal(number)
    told = time.monotonic()
    job.finish(5)
    assert job.code == code and time.monotonic() - told < 2
    assert job.out == ("finally\n" if number == signal.SIGINT else "")


def test_a_script_that_will_not_stop(launch):
    script = launch.script(
        """
        import signal, time
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        open("up", "w").write("1\\n")
        time.sleep(60)
        """
    )
    job = launch.start(script)
    job.wait_for(launch.folder / "up")
    job.process.send_signal(signal.SIGINT)
    told = time.monotonic()
    assert job.finish(5).code == 130 and time.monotonic() - told < 2


def test_interrupted_while_python_starts(launch):
    """In Python's own start an interrupt is a fatal error, or gets lost."""
    (launch.folder / "start").mkdir()
    launch.script("import time\nopen('up', 'w').write('1\\n')\ntime.sleep(0.5)", "start/sitecustomize.py")
    path = os.pathsep.join(filter(None, [str(launch.folder / "start"), launch.environment.get("PYTHONPATH")]))
    job = launch.start(launch.script("import time\ntime.sleep(60)"), environment={"PYTHONPATH": path})
    job.wait_for(launch.folder / "up")
    job.process.send_signal(signal.SIGINT)
    job.finish(5)
    assert job.code == 130 and "Fatal" not in job.err and job.err.endswith("KeyboardInterrupt\n"), job.err


def test_a_python_without_rustorch(launch):
    job = launch.run(launch.script("import sys\nsys.modules['rustorch'] = None\nimport rustorch"))
    assert job.code == 1 and job.err.endswith("%s has no rustorch; --python PATH chooses another Python\n" % sys.executable), job.err


def test_interrupted_on_a_terminal(launch):
    script = launch.script("import time\nopen('up', 'w').write('1\\n')\ntime.sleep(60)")

    def press(terminal, job):
        job.wait_for(launch.folder / "up")
        pressed.append(time.monotonic())
        os.write(terminal, b"\x03")

    pressed = []
    job = launch.on_terminal(script, act=press)
    job.since_key = job.began + job.seconds - pressed[0]
    assert job.code == 130 and job.seconds < 5
    # on a machine so busy that Python cannot print within its time, nothing is shown
    assert job.shown.count("KeyboardInterrupt") == (job.since_key < 1.2)


def test_terminal_input_and_debugger(launch):
    script = launch.script(
        "import sys\nprint(sys.stdin.isatty(), sys.stdout.isatty())\nx = 41\nbreakpoint()\nprint('end')"
    )
    job = launch.on_terminal(script, act=lambda terminal, job: os.write(terminal, b"p x + 1\nc\n"))
    assert job.code == 0 and "True True" in job.shown and "42" in job.shown and "end" in job.shown


def test_no_mpi_is_needed(launch):
    job = launch.run(launch.script("print('alone')"), environment={"PATH": "/nowhere"})
    assert job.code == 0 and job.out == "alone\n"


def test_restart_count_and_numbers(launch):
    script = launch.script(
        """
        import os
        print([os.environ[k] for k in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "RUSTORCH_RANK",
               "RUSTORCH_WORLD_SIZE", "RUSTORCH_LOCAL_RANK", "RUSTORCH_LOCAL_SIZE", "RUSTORCH_RESTART_COUNT")])
        """
    )
    assert launch.run(script).out == "['0', '1', '0', '1', '0', '1', '0', '1', '0']\n"


def test_as_torch(launch):
    script = launch.script(
        """
        import sys
        import torch.nn as nn, torchvision
        import torch
        print(torch.__name__, nn.__name__, torchvision.__name__, sys.argv)
        torch.nothing
        """
    )
    job = launch.run("--as-torch", script, "-x")
    assert job.code == 1 and job.out == "rustorch rustorch.nn rustorch.vision ['train.py', '-x']\n"
    assert "AttributeError: rustorch has no torch.nothing" in job.err and "line 6, in <module>" in job.err


def test_as_torch_on_ranks(launch_mpi):
    script = launch_mpi.script(
        """
        import torch, torch.distributed as dist
        dist.init_process_group("gloo")
        x = torch.ones(2)
        dist.all_reduce(x)
        print(dist.get_rank(), x.tolist())
        """
    )
    job = launch_mpi.run("-n", 2, "--as-torch", script)
    assert job.code == 0 and sorted(job.out.split("\n")) == ["", "0 [2.0, 2.0]", "1 [2.0, 2.0]"], job.err
    job = launch_mpi.run("-n", 2, script)
    assert job.code != 0 and "No module named 'torch'" in job.err
