"""Several ranks on this machine, started by rustorch-launch -n N through mpirun."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import LAUNCH, Launcher

CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def launch(launch_mpi):
    return launch_mpi


# Each rank says that it is up, by a file with its pid, and waits.
WAIT = """
    import os, sys, time
    rank = int(os.environ["RANK"])
    def up():
        open("up%d.tmp" % rank, "w").write("%d\\n" % os.getpid())
        os.rename("up%d.tmp" % rank, "up%d" % rank)
    def all_up():
        up()
        while not all(os.path.exists("up%d" % k) for k in range(int(os.environ["WORLD_SIZE"]))):
            time.sleep(0.005)
"""


def test_numbers(launch):
    script = launch.script(
        """
        import os
        line = " ".join(os.environ[k] for k in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "RUSTORCH_RANK",
               "RUSTORCH_WORLD_SIZE", "RUSTORCH_LOCAL_RANK", "RUSTORCH_LOCAL_SIZE", "RUSTORCH_RESTART_COUNT"))
        print(line)
        """
    )
    job = launch.run("-n", 3, "--oversubscribe", script)
    assert job.code == 0
    assert sorted(job.out.splitlines()) == ["%d 3 %d 3 %d 3 %d 3 0" % (r, r, r, r) for r in range(3)]


def test_script_arguments_and_module(launch):
    script = launch.script("import sys; print(sys.argv, __name__)")
    job = launch.run("-n", 2, script, "a b", "-n", "7", "$HOME", "*", "")
    assert job.out == "['train.py', 'a b', '-n', '7', '$HOME', '*', ''] __main__\n" * 2
    job = launch.run("-n2", "-m", "train", "x")
    assert re.sub(r"'/.*/", "'", job.out) == "['train.py', 'x'] __main__\n" * 2


def test_standard_input_is_rank_zeros(launch):
    script = launch.script("import os, sys; print(os.environ['RANK'], repr(sys.stdin.read()))")
    (launch.folder / "in.txt").write_text("some\ntext")
    with open(launch.folder / "in.txt") as file:
        job = launch.run("-n", 2, script, stdin=file)
    assert sorted(job.out.splitlines()) == ["0 'some\\ntext'", "1 ''"]


def test_terminal_input_is_passed_on(launch):
    script = launch.script("import os, sys\nif os.environ['RANK'] == '0': print('got', input('name? '))")
    job = launch.on_terminal("-n", 2, script, act=lambda terminal, job: os.write(terminal, b"rank zero\n"))
    assert job.code == 0 and "[0] name? " in job.shown and "got rank zero\n" in job.shown


def test_output_comes_in_whole_lines(launch):
    script = launch.script(
        """
        import os, sys
        letter = "ab"[int(os.environ["RANK"])]
        for i in range(3000):
            sys.stdout.write(letter * 300)
            sys.stdout.flush() if i % 100 == 0 else None
            sys.stdout.write(letter * 300 + "%d\\n" % i)
        sys.stderr.write("to error " + letter)
        """
    )
    job = launch.run("-n", 2, script)
    lines = job.out.splitlines()
    for letter in "ab":
        assert [line for line in lines if line[0] == letter] == [letter * 600 + str(i) for i in range(3000)]
    assert len(lines) == 6000
    assert sorted(filter(None, job.err.split("\n"))) == ["to error a", "to error b"]


def test_much_output_to_a_slow_reader(launch):
    script = launch.script("import sys\nfor i in range(200): print('x' * 100000)\nprint('last', file=sys.stderr)")
    job = launch.start("-n", 2, script)
    time.sleep(1)  # the pipe is full long before
    job.finish()
    assert job.code == 0 and len(job.out) == 2 * 200 * 100001 and job.err == "last\n" * 2


def test_prefixes(launch):
    script = launch.script("import sys; print('hi'); print('err', file=sys.stderr); print('part', end='')")
    job = launch.run("-n", 2, "--prefix=always", script)
    assert sorted(re.findall(r"\[\d\] \w+", job.out + job.err)) == sorted(
        "[%d] %s" % (rank, word) for rank in (0, 1) for word in ("hi", "err", "part")
    )
    assert "[" not in launch.run("-n", 2, script).out
    shown = launch.on_terminal("-n", 2, script).shown
    assert "[0] hi\n" in shown and "[1] hi\n" in shown and "[1] err\n" in shown
    assert "[" not in launch.on_terminal("-n", 2, "--prefix", "never", script).shown


def test_progress_bar(launch):
    """Rank 0's bar is passed on as it is and knows the terminal's width; of others the last state counts."""
    script = launch.script(
        """
        import os, sys, time
        for i in range(3):
            sys.stdout.write("\\r%s %d/3" % (os.environ["RUSTORCH_COLUMNS"], i + 1))
            sys.stdout.flush()
            time.sleep(0.05)
        print()
        print("end")
        """
    )
    shown = launch.on_terminal("-n", 2, script, columns=77).shown
    bar = shown.replace("\r\x1b[K", "").replace("[1] 77 3/3\n", "").replace("[1] end\n", "")
    assert bar == "\r77 1/3\r77 2/3\r77 3/3\n[0] end\n"
    assert "[1] 77 3/3\n" in shown
    assert launch.run("-n", 2, script).out.count("0 3/3") == 2


def test_log_dir(launch):
    script = launch.script(
        """
        import os, sys
        print("out", os.environ["RANK"])
        print("err", file=sys.stderr)
        1 / int(os.environ["RANK"])
        """
    )
    job = launch.run("-n", 2, "--log-dir", "logs/", script)
    assert job.code == 1 and job.out == "out 0\n" and job.err.count("ZeroDivisionError") == 1
    zero, one = ((launch.folder / "logs" / ("rank%d.log" % k)).read_text() for k in (0, 1))
    assert zero.startswith("out 0\nerr\n") and "ZeroDivisionError" in zero
    assert one == "out 1\nerr\n" or one == ""  # it may have been stopped before it began
    job = launch.run("-n", 2, "--log-dir", "train.py/x", script)
    assert job.code == 2 and job.err.count("\n") == 1 and "--log-dir" in job.err
    alone = launch.run("--log-dir", "a/b/c", launch.script("print('alone')", "alone.py"))
    assert alone.out == "alone\n" and (launch.folder / "a/b/c/rank0.log").read_text() == "alone\n"


@pytest.mark.parametrize("ranks,victim", [(2, 0), (2, 1), (4, 0), (4, 2)])
def test_one_rank_is_killed(launch, ranks, victim):
    script = launch.script(WAIT + "    all_up(); time.sleep(60)")
    job = launch.start("-n", ranks, "--oversubscribe", script)
    pids = [int(job.wait_for(launch.folder / ("up%d" % k))) for k in range(ranks)]
    time.sleep(0.2)
    os.kill(pids[victim], signal.SIGKILL)
    killed = time.monotonic()
    job.finish(10)
    assert time.monotonic() - killed < 2
    assert job.code == 137
    (report,) = [line for line in job.err.splitlines() if "will be slow" not in line]
    told = r"rustorch-launch: rank %d \(pid %d on \S+\) was killed by signal 9 "
    assert re.match(told % (victim, pids[victim]), report)


@pytest.mark.parametrize("ranks", [2, 4])
def test_one_rank_raises(launch, ranks):
    script = launch.script(
        WAIT
        + """
    def inner():
        raise ValueError("rank %d does not like it" % rank)
    all_up()
    if rank == 1:
        inner()
    time.sleep(60)
    """
    )
    job = launch.run("-n", ranks, "--oversubscribe", script, timeout=10)
    assert job.code == 1
    assert job.err.count("Traceback") == 1 and job.err.count("ValueError: rank 1 does not like it") == 1
    assert "rank 1 (pid" in job.err and "in inner" in job.err and "rustorch-worker" not in job.err
    assert "mpirun" not in job.err and job.seconds < 5


def test_all_ranks_raise(launch):
    job = launch.run("-n", 2, launch.script("import no_module_of_this_name"))
    assert job.code == 1 and job.err.count("Traceback") == 1 and "rank" in job.err


@pytest.mark.parametrize(
    "leave,code,words",
    [
        ("sys.exit(3)", 3, "exit code 3"),
        ("sys.exit('enough')", 1, "enough"),
        ("os._exit(9)", 9, "exit code 9"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("os.abort()", 134, "signal 6"),
        ("os.kill(os.getpid(), 15)", 143, "signal 15"),
    ],
)
def test_one_rank_leaves(launch, leave, code, words):
    script = launch.script(WAIT + "    all_up()\n    if rank == 1: " + leave + "\n    time.sleep(60)")
    job = launch.run("-n", 2, script, timeout=10)
    assert job.code == code and job.err.count("rank 1 (pid") == 1 and job.err.count(words) == 1, job.err


def test_ranks_may_end_at_different_times(launch):
    script = launch.script(WAIT + "    all_up(); time.sleep(0.7 * rank); print('end', rank)")
    job = launch.run("-n", 2, script)
    assert job.code == 0 and job.out == "end 0\nend 1\n" and job.err == ""


def test_a_failing_rank_may_flush_its_files(launch):
    script = launch.script(
        WAIT
        + """
    all_up()
    f = open("kept%d" % rank, "w")
    f.write("kept")
    if rank:
        1/0
    time.sleep(60)
    """
    )
    assert launch.run("-n", 2, script).code == 1
    assert (launch.folder / "kept1").read_text() == "kept"


def test_a_failing_rank_that_hangs_in_its_exit(launch):
    script = launch.script(
        WAIT + "    import atexit; atexit.register(time.sleep, 60)\n    all_up()\n    1/rank\n    time.sleep(60)"
    )
    job = launch.run("-n", 2, script, timeout=10)
    assert job.code == 1 and job.seconds < 3 and job.err.count("ZeroDivisionError") == 1


def test_ranks_that_ignore_signals(launch):
    script = launch.script(
        WAIT
        + """
    import signal, subprocess
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    if os.fork() == 0:
        time.sleep(60)
    all_up()
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    """
    )
    job = launch.run("-n", 2, script, timeout=10)
    assert job.code == 137 and job.seconds < 4


@pytest.mark.parametrize("number,code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_told_to_stop(launch, number, code):
    script = launch.script(
        WAIT + "    try: all_up(); time.sleep(60)\n    finally: open('finally%d' % rank, 'w').close()"
    )
    job = launch.start("-n", 2, script)
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    job.process.send_signal(number)
    told = time.monotonic()
    job.finish(10)
    assert time.monotonic() - told < 2 and job.code == code
    assert job.err.count("\n") == 1 and "stopped by" in job.err
    if number == signal.SIGINT:
        assert all((launch.folder / ("finally%d" % k)).exists() for k in range(2))


@pytest.mark.parametrize("ranks", [1, 2])
def test_interrupted_twice(launch, ranks):
    """The second Ctrl-C kills; the same signal by two ways at once, as `timeout` sends it, is one."""
    script = launch.script(
        WAIT
        + """
    if sys.argv[1] == "deaf":
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        all_up()
        time.sleep(60)
    finally:
        time.sleep(0.1)
        open("finally%d" % rank, "w").close()
    """
    )
    for how, pause in (("deaf", 0.4), ("tidy", 0)):
        job = launch.start("-n", ranks, script, how)
        for k in range(ranks):
            job.wait_for(launch.folder / ("up%d" % k))
            (launch.folder / ("up%d" % k)).unlink()
        job.process.send_signal(signal.SIGINT)
        told = time.monotonic()
        time.sleep(max(pause, 0.002))  # signals that wait together would be one in any case
        job.process.send_signal(signal.SIGINT)
        job.finish(10)
        assert job.code == 130 and time.monotonic() - told < 1.2
    assert all((launch.folder / ("finally%d" % k)).exists() for k in range(ranks))


def test_interrupted_on_a_terminal(launch):
    script = launch.script(WAIT + "    all_up(); time.sleep(60)")

    def press(terminal, job):
        for k in range(2):
            job.wait_for(launch.folder / ("up%d" % k))
        os.write(terminal, b"\x03")

    job = launch.on_terminal("-n", 2, script, act=press)
    assert job.code == 130 and "Traceback" not in job.shown and job.seconds < 5


def test_interrupted_while_starting(launch):
    script = launch.script("import time; time.sleep(60)")
    for delay in (0.0, 0.01, 0.03, 0.05, 0.08, 0.12, 0.2):
        job = launch.start("-n", 2, script)
        time.sleep(0.02 + delay)  # a process that has not reached main dies of the signal as it should
        job.process.send_signal(signal.SIGINT)
        job.finish(5)
        assert job.code in (130, -2) and job.seconds < 3


def find(job, part):
    return [pid for pid, line in job.left().items() if part in line.split(" ")[0]]


def test_the_launcher_is_killed(launch):
    script = launch.script(WAIT + "    all_up(); time.sleep(60)")
    job = launch.start("-n", 2, script)
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    job.process.kill()
    job.process.wait()
    end = time.monotonic() + 2.5
    while job.left() and time.monotonic() < end:
        time.sleep(0.02)
    assert not job.left()


def test_mpirun_is_killed(launch):
    script = launch.script(WAIT + "    all_up(); time.sleep(60)")
    job = launch.start("-n", 2, script)
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    (mpirun,) = find(job, "mpirun")
    os.kill(mpirun, signal.SIGKILL)
    job.finish(5)
    assert job.code == 137 and "mpirun" in job.err


def test_a_supervisor_is_killed(launch):
    script = launch.script(WAIT + "    all_up(); time.sleep(60)")
    job = launch.start("-n", 2, script)
    pids = [int(job.wait_for(launch.folder / ("up%d" % k))) for k in range(2)]
    with open("/proc/%d/stat" % pids[1]) as file:
        supervisor = int(file.read().rsplit(")", 1)[1].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    killed = time.monotonic()
    job.finish(5)
    assert job.code == 1 and "rank 1" in job.err and "supervisor" in job.err and time.monotonic() - killed < 2


def test_closed_output(launch):
    script = launch.script("while True: print('x' * 1000)")
    job = launch.start("-n", 2, script)
    job.process.stdout.read(100)
    job.process.stdout.close()
    job.process.stdout = None
    job.finish(5)
    assert job.code == 141


def test_user_signals_reach_the_ranks(launch):
    script = launch.script(
        WAIT
        + """
    import signal
    got = []
    signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
    all_up()
    while not got:
        time.sleep(0.01)
    print("got", rank)
    """
    )
    job = launch.start("-n", 2, script)
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    job.process.send_signal(signal.SIGUSR1)
    assert sorted(job.finish(10).out.splitlines()) == ["got 0", "got 1"]


def test_stopped_and_continued(launch):
    script = launch.script(WAIT + "    all_up()\n    while not os.path.exists('go'): time.sleep(0.01)")
    job = launch.start("-n", 2, script)
    pids = [int(job.wait_for(launch.folder / ("up%d" % k))) for k in range(2)]

    def states():
        found = []
        for pid in [job.process.pid, *pids]:
            with open("/proc/%d/stat" % pid) as file:
                found.append(file.read().rsplit(")", 1)[1].split()[0])
        return found

    job.process.send_signal(signal.SIGTSTP)
    end = time.monotonic() + 5
    while states() != ["T"] * 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert states() == ["T"] * 3
    job.process.send_signal(signal.SIGCONT)
    (launch.folder / "go").touch()
    assert job.finish(10).code == 0


def test_max_restarts(launch):
    script = launch.script(
        """
        import os, signal
        count = os.environ["RUSTORCH_RESTART_COUNT"]
        print("start", count)
        if os.environ["RANK"] == "1":
            if count == "0":
                os.kill(os.getpid(), signal.SIGKILL)
            if count == "1":
                raise ValueError("second")
        """
    )
    job = launch.run("-n", 2, "--max-restarts", 2, "--log-dir", "logs", script)
    assert job.code == 0
    assert job.err.count("starting the job again") == 2 and "(restart 2 of 2)" in job.err
    assert "signal 9" in job.err and "ValueError: second" in job.err
    log = (launch.folder / "logs/rank1.log").read_text()
    assert "start 0\n" in log and "start 2\n" in log
    job = launch.run("-n", 2, "--max-restarts", 1, script)
    assert job.code == 1 and job.err.count("starting the job again") == 1
    job = launch.run("-n", 2, script)
    assert job.code == 137 and "again" not in job.err


@pytest.mark.parametrize("text", ["x = (", "import argparse; argparse.ArgumentParser().parse_args()"])
def test_what_starting_again_cannot_cure(launch, text):
    script = launch.script("")
    (launch.folder / script).write_text(text)
    job = launch.run("-n", 2, "--max-restarts", 3, script, "--foo")
    assert job.code in (1, 2) and "starting the job again" not in job.err


def test_restart_of_one_rank(launch):
    script = launch.script(
        "import os, sys\ncount = int(os.environ['RUSTORCH_RESTART_COUNT'])\nprint(count)\nsys.exit(count < 2)"
    )
    job = launch.run("--max-restarts", 5, script)
    assert job.code == 0 and job.out == "0\n1\n2\n"


def test_sharing_of_cores(launch):
    script = launch.script(
        """
        import os
        print(sorted(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"], os.environ.get("OMP_WAIT_POLICY"))
        """
    )
    job = launch.run("-n", 2, script)
    lines = [line.rsplit(" ", 2) for line in job.out.splitlines()]
    if CORES >= 2:
        shares = [set(eval(line[0])) for line in lines]
        assert not shares[0] & shares[1] and shares[0] | shares[1] == set(os.sched_getaffinity(0))
        assert all(int(line[1]) == len(share) for line, share in zip(lines, shares))
    assert all(line[2] == "passive" for line in lines) and "slow" not in job.err
    asked = {"OMP_NUM_THREADS": "7", "OMP_WAIT_POLICY": "active"}
    assert " 7 active" in launch.run("-n", 2, script, environment=asked).out


def test_more_ranks_than_cores(launch):
    ranks = CORES * 2
    script = launch.script("import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])")
    job = launch.run("-n", ranks, script)
    assert job.code == 0 and "%d ranks on %d core" % (ranks, CORES) in job.err
    assert job.out == "%d 1\n" % CORES * ranks


def test_dry_run(launch):
    script = launch.script("open('ran', 'w')")
    job = launch.run("-n", 2, "--dry-run", "--log-dir", "my logs", script, "a b")
    assert job.code == 0 and not (launch.folder / "ran").exists() and not (launch.folder / "my logs").exists()
    assert "mpirun" in job.out and "-np 2" in job.out and "'my logs'" in job.out and "'a b'" in job.out
    for rank in range(2):
        assert re.search(r"rank %d of 2 \(rustorch-launch\): cores? .*\d threads?" % rank, job.out)
    alone = launch.run("--dry-run", script)
    assert "mpirun" not in alone.out and "rank 0" in alone.out


def test_placement_is_logged(launch):
    job = launch.run("-n", 2, launch.script(""), environment={"RUSTORCH_LOG": "info"})
    assert "rank 0 of 2 (Open MPI)" in job.err and "rank 1 of 2" in job.err and "thread" in job.err


def test_mpirun_missing(launch):
    job = launch.run("-n", 2, launch.script(""), environment={"PATH": "/nowhere"})
    assert job.code == 2 and "openmpi-bin" in job.err and job.err.count("\n") == 1


def test_a_job_from_within_a_rank(launch):
    launch.script("import os; print('inner', os.environ['RANK'], os.environ['WORLD_SIZE'])", "inner.py")
    script = launch.script(
        """
        import os, subprocess, sys
        if os.environ["RANK"] == "0":
            sys.exit(subprocess.call([%r, "-n", "2", "inner.py"]))
        """
        % LAUNCH
    )
    job = launch.run("-n", 2, script)
    assert job.code == 0 and sorted(job.out.splitlines()) == ["inner 0 2", "inner 1 2"]


def test_many_ranks(launch):
    script = launch.script("import os; print(os.environ['RANK'])")
    job = launch.run("-n", 24, "--oversubscribe", script, timeout=120)
    assert job.code == 0 and sorted(map(int, job.out.split())) == list(range(24))


def test_started_without_standard_streams(launch):
    script = launch.script("open('got%s' % __import__('os').environ['RANK'], 'w').write('1')")
    for words in ([script], ["-n", 2, script]):
        job = launch.run(*words, command=["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-'])
        assert job.code == 0 and (launch.folder / "got0").exists()
        (launch.folder / "got0").unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_an_ordinary_user(launch):
    user = ["setpriv", "--reuid=65534", "--clear-groups"]
    for program in (LAUNCH, "/usr/bin/python3"):
        if subprocess.run([*user, "test", "-x", program]).returncode:
            pytest.skip("an ordinary user cannot run %s" % program)
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        launcher = Launcher(pathlib.Path(name))
        for path in (name, name + "/tmp", name + "/shm"):
            os.chmod(path, 0o777)
        script = launcher.script("import os; print(os.geteuid())")
        job = launcher.run("-n", 2, "--python", "/usr/bin/python3", script, command=user)
    assert job.code == 0 and job.out == "65534\n" * 2, job.err
