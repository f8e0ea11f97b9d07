"""Starts real ranks through rustorch-launch, and sees to it that none is left.

RUSTORCH_LAUNCH names the launcher; where it is installed, tests/conftest.py has found it.

Every job carries a mark in its environment, which all its processes inherit: by it they are found again, whatever
process group or session they are in.
"""

import os
import pty
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid

import pytest

LAUNCH = os.environ.get("RUSTORCH_LAUNCH", "")
MARK = "RUSTORCH_TEST_JOB"

# Tests that were started in the background, or by nohup, ignore these, and so would the jobs; foreground programs do not.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


def marked(mark):
    """The processes of a job: {pid: command line}. A zombie holds nothing and does not count."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as file:
                if ("%s=%s" % (MARK, mark)).encode() not in file.read().split(b"\0"):
                    continue
            with open("/proc/%s/stat" % name) as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    continue
            with open("/proc/%s/cmdline" % name, "rb") as file:
                found[int(name)] = file.read().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, IndexError):
            pass
    return found


class Job:
    """A running rustorch-launch."""

    def __init__(self, command, folder, environment, **streams):
        self.mark = uuid.uuid4().hex
        self.folder = folder
        environment = dict(environment, **{MARK: self.mark})
        self.began = time.monotonic()
        streams.setdefault("stdin", subprocess.DEVNULL)
        streams.setdefault("stdout", subprocess.PIPE)
        streams.setdefault("stderr", subprocess.PIPE)
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, text=True, **streams
        )

    def left(self):
        return marked(self.mark)

    def wait_for(self, path, timeout=20):
        """Waits until a rank has made the file; its text."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if os.path.exists(path):
                with open(path) as file:
                    text = file.read()
                if text.endswith("\n"):
                    return text.strip()
            if self.process.poll() is not None:
                raise AssertionError("the job ended: %s" % (self.process.communicate(),))
            time.sleep(0.01)
        raise AssertionError("%s did not appear" % path)

    def finish(self, timeout=60):
        """Waits for the end; then nothing of the job may live. Sets code, out, err, seconds."""
        try:
            self.out, self.err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            left = self.left()
            self.clear()
            raise AssertionError("not finished after %d s; alive: %s" % (timeout, left))
        self.seconds = time.monotonic() - self.began
        self.code = self.process.returncode
        left = self.left()
        if left:
            time.sleep(0.05)  # a killed process may still be on its way out
            left = self.left()
        self.clear()
        assert not left, "left behind: %s" % left
        files = [str(path) for pattern in ("tmp/ompi.*/pid.*", "shm/*") for path in self.folder.glob(pattern)]
        assert not files, "left behind: %s" % files
        return self

    def clear(self):
        for pid in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


class Launcher:
    def __init__(self, folder):
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "SLURM_"))}
        for name in ("RUSTORCH_RANK", "RUSTORCH_LOG", "OMP_NUM_THREADS", "RUSTORCH_PYTHON"):
            self.environment.pop(name, None)
        self.environment["RUSTORCH_PYTHON"] = sys.executable
        # Open MPI's folders and shared memory in places of this test alone, so that what is left there is its own
        for name, variable in (("tmp", "TMPDIR"), ("shm", "OMPI_MCA_btl_vader_backing_directory")):
            (folder / name).mkdir()
            self.environment[variable] = str(folder / name)
        self.program = LAUNCH
        self.jobs = []

    def apart(self):
        """From now on a copy of the launcher, beside which there is no Python: an installed one has that of its environment."""
        folder = self.folder / "apart"
        folder.mkdir()
        for name in ("rustorch-launch", "rustorch-worker"):
            shutil.copy(os.path.join(os.path.dirname(LAUNCH), name), folder)
        self.program = str(folder / "rustorch-launch")

    def script(self, text, name="train.py"):
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return name

    def start(self, *words, command=(), environment=None, **streams):
        """Starts rustorch-launch with these words; `command` may put another program in front."""
        merged = dict(self.environment, **(environment or {}))
        job = Job([*command, self.program, *map(str, words)], self.folder, merged, **streams)
        self.jobs.append(job)
        return job

    def run(self, *words, timeout=60, **more):
        return self.start(*words, **more).finish(timeout)

    def on_terminal(self, *words, columns=70, act=None, **more):
        """Runs on a terminal of its own; what the terminal showed. `act(terminal, job)` may type."""
        import fcntl
        import struct
        import termios

        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        attributes = termios.tcgetattr(theirs)
        attributes[1] &= ~termios.OPOST  # newlines as they are
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        job = self.start(*words, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=take_terminal, **more)
        os.close(theirs)
        if act:
            act(ours, job)
        shown = b""
        while True:
            try:
                more_bytes = os.read(ours, 4096)
            except OSError:
                break
            if not more_bytes:
                break
            shown += more_bytes
        os.close(ours)
        job.finish()
        job.shown = shown.decode()
        return job


@pytest.fixture
def launch(tmp_path):
    if not LAUNCH:
        pytest.skip("there is no rustorch-launch: neither beside this Python, nor on PATH, nor in RUSTORCH_LAUNCH")
    launcher = Launcher(tmp_path)
    yield launcher
    for job in launcher.jobs:
        job.clear()


@pytest.fixture
def launch_mpi(launch):
    if not shutil.which("mpirun"):
        pytest.skip("Open MPI's mpirun is not installed")
    return launch
