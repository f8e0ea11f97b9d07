"""Profiler, rustorch.profiler and rustorch.autograd.profiler: what they count, their tables and traces, and their rules."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.data import DataLoader, TensorDataset
from rustorch.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule, tensorboard_trace_handler
from rustorch.utils import Profiler


def model_and_batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    return model, torch.randn(8, 16), torch.randint(0, 4, (8,))


def train_step(model, x, y, optimizer):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()


def rows_by_label(profiler):
    return {row.label: row for row in profiler.rows()}


# ------------------------------------------------------------------------------------------ counting


def test_a_training_step():
    model, x, y = model_and_batch()
    optimizer = torch.optim.Adam(model.parameters())
    profiler = Profiler()
    profiler.start()
    for _ in range(3):
        train_step(model, x, y, optimizer)
    profiler.stop()
    rows = rows_by_label(profiler)
    assert rows["linear"].calls == 6 and rows["relu"].calls == 3 and rows["backward"].calls == 3
    assert rows["LinearBackward"].calls == 6 and rows["LinearBackward"].kind == "gradient"
    assert rows["AccumulateGrad"].calls == 12
    assert rows["Optimizer.step#Adam.step"].calls == 3 and rows["Optimizer.step#Adam.step"].kind == "optimizer"
    assert rows["mm (backward)"].backward and not rows["linear"].backward
    assert "mm" not in rows  # all products without "backward" are those of linear
    flops = 2 * 8 * (16 * 32 + 32 * 4)
    assert rows["linear"].flops == 3 * flops
    # of the first layer only the weight's gradient is wanted, of the second the input's too
    assert rows["mm (backward)"].flops == 3 * 2 * 8 * (16 * 32 + 2 * 32 * 4)
    assert rows["linear"].in_bytes == 3 * 4 * (8 * 16 + 32 * 16 + 32 + 8 * 32 + 4 * 32 + 4)
    assert rows["linear"].out_bytes == 3 * 4 * (8 * 32 + 8 * 4)
    parameters = 4 * sum(p.numel() for p in model.parameters())
    step = rows["adam step"]  # with two states each: reads four, writes three; the first makes them beside
    assert step.out_bytes == 3 * 3 * parameters and step.in_bytes == 3 * 4 * parameters
    assert rows["backward"].flops == rows["mm (backward)"].flops
    assert sum(row.self_ns for row in rows.values()) <= profiler_elapsed(profiler)


def profiler_elapsed(profiler):
    return profiler._profile.read()[0]


def test_self_and_total():
    profiler = Profiler()
    with profiler.profile("outer"):
        time.sleep(0.02)
        with profiler.profile("inner"):
            time.sleep(0.03)
    rows = {row.name: row for row in profiler.intervals()}
    assert 0.03e9 <= rows["inner"].total_ns < 0.05e9 + rows["outer"].self_ns
    assert rows["outer"].self_ns == rows["outer"].total_ns - rows["inner"].total_ns >= 0.02e9


def test_composed_ops_contain_their_parts():
    x = torch.randn(4, 5)
    profiler = Profiler()
    with profiler:
        x.matmul(torch.randn(5, 2))
    rows = rows_by_label(profiler)
    assert rows["matmul"].total_ns > rows["mm"].total_ns > 0
    assert rows["matmul"].self_ns == rows["matmul"].total_ns - rows["mm"].total_ns
    assert rows["matmul"].in_bytes == rows["mm"].in_bytes  # what the kernel inside read


def test_views_move_nothing():
    x = torch.randn(64, 64)
    profiler = Profiler()
    with profiler:
        x.transpose(0, 1)
        x.contiguous()
    rows = rows_by_label(profiler)
    assert rows["transpose"].in_bytes == rows["transpose"].out_bytes == rows["contiguous"].out_bytes == 0


def test_allocated_bytes():
    profiler = Profiler()
    x = torch.ones(1000)
    with profiler:
        y = x + x  # noqa: F841
        x.add_(1)
    row = rows_by_label(profiler)["add"]
    assert 4000 <= row.allocated_bytes <= 1.125 * 4000 + 64  # one of the two, rounded up to a class of the allocator


def test_functions_of_ones_own():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    x = torch.ones(3, requires_grad=True)
    profiler = Profiler()
    with profiler:
        Twice.apply(x).sum().backward()
    rows = rows_by_label(profiler)
    assert rows["TwiceBackward"].kind == "gradient" and rows["TwiceBackward"].calls == 1
    assert rows["mul"].calls == rows["mul (backward)"].calls == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_data_loading(workers):
    """By threads in C: a span for each batch in its thread, and one for each wait of the caller."""
    loader = DataLoader(TensorDataset(torch.randn(32, 3)), batch_size=8, num_workers=workers)
    profiler = Profiler()
    with profiler.profile():
        for _ in loader:
            pass
    rows = rows_by_label(profiler)
    assert rows["make batch"].calls == 4 and rows["make batch"].kind == "data"
    assert rows["DataLoader.__next__"].calls == 5  # the last one finds the end


class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        time.sleep(0.01)
        return index


def test_data_loading_in_python():
    for workers in (0, 1):
        profiler = Profiler()
        with profiler:
            assert [batch.tolist() for batch in DataLoader(Slow(), batch_size=2, num_workers=workers)] == [[0, 1], [2, 3]]
        row = rows_by_label(profiler)["DataLoader.__next__"]
        assert row.calls == 3 and row.total_ns >= 0.03e9


def test_collectives_of_one_rank():
    import rustorch.distributed as dist

    dist.init_process_group()
    try:
        profiler = Profiler()
        with profiler:
            dist.all_reduce(torch.ones(100))
        row = rows_by_label(profiler)["all_reduce"]
        assert row.kind == "collective" and row.calls == 1 and row.in_bytes == 400
    finally:
        dist.destroy_process_group()


# ------------------------------------------------------------------------------------------ rules


def test_start_and_stop():
    a, b = Profiler(), Profiler()
    with pytest.raises(torch.RusTorchError, match=r"not running: start\(\) it first"):
        a.stop()
    a.start()
    assert a.running and repr(a) == "<Profiler: running>"
    with pytest.raises(torch.RusTorchError, match="running already"):
        a.start()
    with pytest.raises(torch.RusTorchError, match="another profiler is running"):
        b.start()
    with pytest.raises(RuntimeError, match="another profiler is running"):
        with b.profile():
            raise AssertionError("not reached")
    assert not b.running
    torch.ones(2) + 1
    a.stop()
    with pytest.raises(torch.RusTorchError, match="not running"):
        a.stop()
    calls = rows_by_label(a)["add"].calls
    torch.ones(2) + 1
    a.start()
    torch.ones(2) + 1
    a.stop()
    assert rows_by_label(a)["add"].calls == calls + 1  # it adds up, and nothing between counts
    a.reset()
    assert a.rows() == [] and "nothing recorded" in a.summary()
    with b.profile():
        pass
    assert [row.name for row in b.intervals()] == ["profile"]


def test_a_profiler_that_goes_stops():
    profiler = Profiler()
    profiler.start()
    del profiler
    with Profiler().profile():
        pass


def test_blocks():
    profiler = Profiler()
    with profiler.profile("a") as inside:
        assert inside is profiler and profiler.running
        with profiler.profile("b"):
            pass
        assert profiler.running
    assert not profiler.running
    with pytest.raises(ZeroDivisionError), profiler.profile("c"):
        1 / 0
    assert not profiler.running
    profiler.start()
    with profiler.profile("d"):
        pass
    assert profiler.running
    profiler.stop()
    with profiler.profile("e"):
        profiler.stop()  # the block ends with it, and has nothing left to stop
    with profiler.profile("f"):
        profiler.reset()
    assert {row.name for row in profiler.intervals()} == {"f"}
    with pytest.raises(TypeError, match="name must be a str or None, not int"), profiler.profile(3):
        pass
    with pytest.raises(ValueError, match="null"), profiler.profile("a\0b"):
        pass
    assert not profiler.running


def test_scopes_without_end():
    """What is left open again and again does not fill the memory."""
    with profile() as prof:
        for _ in range(70000):
            record_function("left open").__enter__()
        torch.ones(3)
    (row,) = [row for row in prof.key_averages() if row.key == "left open"]
    assert 1000 < row.count < 70000


def test_threads():
    profiler = Profiler()
    x = torch.randn(16, 16)

    together = threading.Barrier(4)

    def work(name):
        together.wait(10)
        for _ in range(50):
            with profiler.profile(name):
                x.relu()
        together.wait(10)

    with profiler.profile("all"):
        threads = [threading.Thread(target=work, args=(f"thread {i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            profiler.summary()  # while they write
        for thread in threads:
            thread.join()
    assert rows_by_label(profiler)["relu"].calls == 200
    assert all(row.calls == 50 for row in profiler.intervals() if row.name.startswith("thread"))
    found = torch.profiler._found.Found.of(profiler._profile)
    assert len({event["thread"] for event in found.events}) == 5


def test_threads_keep_a_block_running():
    profiler = Profiler()
    first, second = threading.Event(), threading.Event()

    def work():
        with profiler.profile("other"):
            first.set()
            second.wait(10)

    thread = threading.Thread(target=work)
    with profiler.profile("mine"):
        thread.start()
        first.wait(10)
    assert profiler.running  # the other block goes on
    second.set()
    thread.join()
    assert not profiler.running


def test_fork():
    profiler = Profiler()
    with profiler.profile("parent"):
        child = os.fork()
        if not child:
            code = 1
            try:
                code = 0 if not profiler.running and not _record("x") and _own_profiler() else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    assert [row.name for row in profiler.intervals()] == ["parent"]


def _record(name):
    span = torch._C._profile_enter(name)
    torch._C._profile_leave(span)
    return span


def _own_profiler():
    own = Profiler()
    with own.profile("child"):
        torch.ones(2)
    return [row.name for row in own.intervals()] == ["child"]


def test_events_beyond_the_limit(tmp_path):
    profiler = Profiler(max_events=10)
    x = torch.ones(2)
    with profiler.profile():
        for _ in range(100):
            x.relu()
    assert rows_by_label(profiler)["relu"].calls == 100
    assert "91 of 101 events are not in the trace: there is room for 10" in profiler.summary()
    profiler.export_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert sum(event["ph"] == "X" for event in trace["traceEvents"]) == 10
    assert "larger max_events" in trace["note"]
    with pytest.raises(ValueError, match="must be 0 or more, not -1"):
        Profiler(max_events=-1)


def test_shapes():
    profiler = Profiler(record_shapes=True)
    with profiler:
        torch.ones(2, 3) + torch.ones(3)
        torch.ones(4) + torch.ones(())
        nn.functional.linear(torch.ones(2, 3), torch.ones(5, 3))
    shapes = {(row.name, row.shapes) for row in profiler.rows()}
    assert {("add", "[[2, 3], [3]]"), ("add", "[[4], []]"), ("linear", "[[2, 3], [5, 3], ]")} <= shapes
    rows = [row for row in profiler.key_averages(group_by_input_shape=True) if row.key == "linear"]
    assert rows[0].input_shapes == [[2, 3], [5, 3], []]
    assert [row.count for row in profiler.key_averages() if row.key == "add"] == [2]


# ------------------------------------------------------------------------------------------ summary


def test_summary():
    model, x, y = model_and_batch()
    profiler = Profiler()
    with profiler.profile("학습"):
        with record_function("forward"):
            loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
    lines = profiler.summary().splitlines()
    assert lines[0].startswith("Profiler: ") and "elapsed" in lines[0]
    assert lines[1].split() == ["op", "calls", "total", "self", "mean", "share", "bytes"]
    table = lines[3 : lines.index(next(line for line in lines if line.startswith("interval"))) - 1]
    totals = [_seconds(line) for line in table]
    assert totals == sorted(totals, reverse=True) and len(totals) > 5
    named = [line.split()[0] for line in lines[-2:]]
    assert named == ["학습", "forward"]
    widths = {torch._columns.width(line) for line in (lines[2], lines[1])}
    assert len(widths) == 1  # aligned, though wide letters take two columns
    assert torch._columns.width(lines[-2]) == widths.pop() or not lines[-2].endswith("B")


def _seconds(line):
    cells = [cell for cell in line.split("  ") if cell]
    value, unit = cells[2].split() if " " in cells[2].strip() else (cells[2], "s")
    return float(value) * {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]


def test_summary_while_running():
    profiler = Profiler()
    assert "nothing recorded: call start()" in profiler.summary()
    profiler.start()
    torch.ones(3)
    assert "so far" in profiler.summary() and "ones" in profiler.summary()
    profiler.stop()
    assert "so far" not in profiler.summary()


# ------------------------------------------------------------------------------------------ traces


def complete_events(path):
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        trace = json.load(file)
    return trace, [event for event in trace["traceEvents"] if event["ph"] == "X"]


def check_nesting(events):
    """On each thread two events are apart, or one lies inside the other."""
    for thread in {event["tid"] for event in events}:
        open_ends = []
        mine = [event for event in events if event["tid"] == thread]
        for event in sorted(mine, key=lambda event: (event["ts"], -event["dur"])):
            while open_ends and open_ends[-1] <= event["ts"] + 1e-9:
                open_ends.pop()
            end = event["ts"] + event["dur"]
            assert not open_ends or end <= open_ends[-1] + 1e-4, event  # times are written to a nanosecond
            open_ends.append(end)


@pytest.mark.parametrize("name", ["trace.json", "추적.json.gz"])
def test_chrome_trace(name, tmp_path):
    model, x, y = model_and_batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(TensorDataset(x, y), batch_size=2, num_workers=2)
    profiler = Profiler(record_shapes=True)
    with profiler.profile('세대 "1"\n'):
        for batch in loader:
            train_step(model, *batch, optimizer)
    profiler.export_chrome_trace(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    trace, events = complete_events(tmp_path / name)
    assert {event["ph"] for event in trace["traceEvents"]} == {"M", "X"}
    assert len(events) == sum(row.calls for row in profiler.rows())
    assert all(event["ts"] >= 0 and event["dur"] >= 0 and isinstance(event["tid"], int) and event["pid"] == os.getpid() for event in events)
    check_nesting(events)
    (interval,) = [event for event in events if event["cat"] == "scope"]
    assert interval["name"] == '세대 "1"\n'
    mine = [event for event in events if event["tid"] == interval["tid"]]
    assert all(event["ts"] + event["dur"] <= interval["ts"] + interval["dur"] + 1e-3 for event in mine)
    assert len({event["tid"] for event in events}) >= 2  # the loader's threads
    named = {event["tid"] for event in trace["traceEvents"] if event["ph"] == "M" and event["name"] == "thread_name"}
    assert named == {event["tid"] for event in events}
    linear = next(event for event in events if event["name"] == "linear")
    assert linear["args"]["bytes out"] == 2 * 32 * 4 and linear["args"]["Input Dims"] == "[[2, 16], [32, 16], [32]]"


def test_nesting_is_checked():
    with pytest.raises(AssertionError):
        check_nesting([{"tid": 0, "ts": 0.0, "dur": 5.0}, {"tid": 0, "ts": 3.0, "dur": 5.0}])


def test_trace_of_nothing_and_to_nowhere(tmp_path):
    profiler = Profiler()
    profiler.export_chrome_trace(tmp_path / "empty.json")
    assert complete_events(tmp_path / "empty.json")[1] == []
    with pytest.raises(FileNotFoundError, match="cannot be written"):
        profiler.export_chrome_trace(tmp_path / "no" / "trace.json")
    with pytest.raises(torch.SerializationError):
        profiler.export_chrome_trace(tmp_path / "no" / "trace.json")
    (tmp_path / "empty.json").write_text("before")
    os.mkdir(tmp_path / "folder.json")
    with pytest.raises(OSError):
        profiler.export_chrome_trace(tmp_path / "folder.json")
    assert sorted(os.listdir(tmp_path)) == ["empty.json", "folder.json"]


# ------------------------------------------------------------------------------------------ PyTorch's names


def test_profile_with_a_schedule():
    ready = []
    plan = schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    assert [plan(i).name for i in range(10)] == ["NONE"] + 2 * ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"] + ["NONE"]
    x = torch.ones(3)

    def on_ready(prof):
        rows = {row.key: row.count for row in prof.key_averages()}
        ready.append((prof.step_num, rows))

    with profile(schedule=plan, on_trace_ready=on_ready) as prof:
        for _ in range(12):
            x.exp()
            prof.step()
    assert [number for number, _ in ready] == [5, 9]
    assert ready[0][1]["exp"] == ready[1][1]["exp"] == 2  # a cycle at a time
    assert ready[0][1]["ProfilerStep*"] == 2  # as in PyTorch one row for all; the trace numbers them
    assert prof.current_action is ProfilerAction.NONE


@pytest.mark.parametrize(
    "options, letters",
    [  # n none, w warm-up, r record, s record and save
        (dict(wait=2, warmup=1, active=1), "nnwsnnwsnnws"),
        (dict(wait=2, warmup=1, active=2, repeat=1, skip_first_wait=1), "wrsnnnnnnnnn"),
        (dict(wait=2, warmup=0, active=3, repeat=2, skip_first=3, skip_first_wait=1), "nnnrrsnnrrsn"),
        (dict(wait=0, warmup=0, active=1, repeat=2), "ssnnnnnnnnnn"),
        (dict(wait=0, warmup=2, active=2, skip_first=1), "nwwrswwrswwr"),
    ],
)
def test_schedules(options, letters):
    word = {ProfilerAction.NONE: "n", ProfilerAction.WARMUP: "w", ProfilerAction.RECORD: "r", ProfilerAction.RECORD_AND_SAVE: "s"}
    assert "".join(word[schedule(**options)(step)] for step in range(12)) == letters


def test_profile_without_a_schedule():
    ready = []
    with profile(on_trace_ready=ready.append) as prof:
        torch.ones(3).exp()
        prof.step()
        torch.ones(3).exp()
    assert ready == [prof]
    assert [row.count for row in prof.key_averages() if row.key == "exp"] == [2]


def test_accumulated_cycles():
    counts = []
    plan = schedule(wait=0, warmup=0, active=1)
    with profile(schedule=plan, acc_events=True, on_trace_ready=lambda p: counts.append(sum(e.name == "exp" for e in p.events()))) as prof:
        for _ in range(3):
            torch.ones(3).exp()
            prof.step()
    assert counts[:3] == [1, 2, 3]


def test_a_recording_that_is_cut_warns():
    actions = [ProfilerAction.RECORD, ProfilerAction.NONE, ProfilerAction.NONE]
    with pytest.warns(UserWarning, match="without RECORD_AND_SAVE"), profile(schedule=lambda step: actions[step]) as prof:
        prof.step()


def test_profile_rules():
    prof = profile()
    with pytest.raises(torch.RusTorchError, match="not running"):
        prof.stop()
    with pytest.raises(torch.RusTorchError, match="not running"):
        prof.step()
    prof.start()
    with pytest.raises(torch.RusTorchError, match="running already"):
        prof.start()
    with pytest.raises(torch.RusTorchError, match="another profiler is running"):
        profile().start()
    prof.stop()
    with pytest.warns(UserWarning, match="CUDA is not available, disabling CUDA profiling"):
        profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    for options in ({"with_stack": True}, {"with_modules": True}, {"experimental_config": object()}):
        with pytest.raises(torch.UnsupportedError, match=next(iter(options))):
            profile(**options)
    with pytest.raises(TypeError, match="activities must be of ProfilerActivity, not str"):
        profile(activities=["cpu"])
    with pytest.raises(TypeError, match="schedule must be callable"):
        profile(schedule=3)
    with pytest.raises(TypeError, match="must return a ProfilerAction"):
        profile(schedule=lambda step: 1).start()
    with pytest.raises(ValueError, match="active must be an int of at least 1"):
        schedule(wait=1, warmup=1, active=0)
    with pytest.raises(torch.UnsupportedError, match="stacks are not recorded"):
        prof.export_stacks("x")
    with pytest.raises(torch.UnsupportedError, match="group_by_stack_n"):
        prof.key_averages(group_by_stack_n=5)
    with pytest.raises(ValueError, match="record_shapes=True"):
        prof.key_averages(group_by_input_shape=True)


def test_key_averages_and_table():
    model, x, y = model_and_batch()
    with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
        with record_function("model"):
            loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
    rows = {row.key: row for row in prof.key_averages()}
    assert rows["linear"].count == 2 and rows["model"].is_user_annotation
    assert rows["linear"].cpu_time == pytest.approx(rows["linear"].cpu_time_total / 2)
    assert rows["model"].cpu_time_total > rows["model"].self_cpu_time_total > 0
    assert rows["linear"].device_time_total == rows["linear"].cuda_time_total == 0
    text = prof.key_averages(group_by_input_shape=True).table(sort_by="self_cpu_time_total", row_limit=3, header="Here")
    lines = text.splitlines()
    assert lines[0] == "Here" and len(lines) == 3 + 3 + 2
    for title in ("Name", "Self CPU %", "CPU total", "# of Calls", "CPU Mem", "Input Shapes", "MFLOPs"):
        assert title in lines[1]
    assert lines[-1].startswith("Self CPU time total: ")
    every = prof.key_averages().table(sort_by="count", row_limit=-1, time_unit="us").splitlines()
    assert "ms" not in "".join(every[2:-2]) and len(every) == len(rows) + 4
    counts = [int(line.split()[6]) for line in every[2 : 2 + len(rows)]]
    assert counts == sorted(counts, reverse=True)
    assert str(prof.key_averages()) == prof.key_averages().table()
    assert prof.key_averages().table(sort_by="cuda_time_total")
    with pytest.raises(ValueError, match="did you mean 'cpu_time_total'.*; known are"):
        prof.key_averages().table(sort_by="cpu_time_totl")
    with pytest.raises(ValueError, match="time_unit"):
        prof.key_averages().table(time_unit="h")
    with pytest.raises(torch.UnsupportedError):
        prof.key_averages().table(top_level_events_only=True)
    total = prof.key_averages().total_average()
    assert total.count == sum(row.count for row in rows.values())


def test_events():
    with profile() as prof:
        with record_function("a"):
            torch.ones(3).exp()
    events = prof.events()
    assert [event.name for event in events] == ["a", "ones", "exp"]
    assert events[0].time_range.start == 0 <= events[1].time_range.start < events[2].time_range.start
    assert events[0].time_range.elapsed_us() == pytest.approx(events[0].cpu_time_total)
    a, ones, exp = events
    assert a.cpu_parent is None and a.cpu_children == [ones, exp] and ones.cpu_parent is exp.cpu_parent is a and not exp.cpu_children
    assert a.self_cpu_time_total == pytest.approx(a.cpu_time_total - ones.cpu_time_total - exp.cpu_time_total)
    row = events.key_averages()[0]
    assert row.cpu_time_total_str == row.cpu_time_str == a.cpu_time_str and row.cpu_time_str.endswith("s")
    assert "exp" in events.table() and row.key == "a"
    with pytest.raises(torch.RusTorchError, match="nothing was recorded"):
        profile().key_averages().total_average()


def test_record_function():
    assert record_function("free").__enter__()._span == 0  # nobody listens
    with pytest.raises(TypeError, match="name must be a str, not int"):
        record_function(3)

    @record_function("count down")
    def count_down(n):
        return n and count_down(n - 1)

    with profile() as prof:
        count_down(3)
        with record_function("step", "3"):
            pass
    rows = {row.key: row for row in prof.key_averages()}
    assert rows["count down"].count == 4 and rows["step(3)"].count == 1


def test_scopes_that_end_out_of_order():
    a, b = record_function("a"), record_function("b")
    with profile() as prof:
        a.__enter__()
        b.__enter__()
        a.__exit__(None, None, None)
        b.__exit__(None, None, None)
    assert {row.key: row.count for row in prof.key_averages()} == {"a": 1, "b": 1}
    assert prof.events()[1].time_range.end == pytest.approx(prof.events()[0].time_range.end)  # both end with a


def test_scope_that_ends_in_another_thread():
    scope = record_function("wandering")
    with profile() as prof:
        scope.__enter__()
        thread = threading.Thread(target=scope.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        torch.ones(3)
    assert [event.name for event in prof.events()] == ["wandering", "ones"]


@pytest.mark.parametrize("packed", [False, True])
def test_tensorboard_handler(packed, tmp_path):
    folder = tmp_path / "log"
    handler = tensorboard_trace_handler(folder, worker_name="w", use_gzip=packed)
    with profile(schedule=schedule(wait=0, warmup=0, active=1, repeat=2), on_trace_ready=handler) as prof:
        prof.add_metadata("note", "mine")
        prof.add_metadata_json("list", "[1, 2]")
        for _ in range(2):
            torch.ones(3)
            prof.step()
    names = os.listdir(folder)
    assert len(names) == 2 and all(name.startswith("w.") and name.endswith(".pt.trace.json" + ".gz" * packed) for name in names)
    trace, events = complete_events(folder / names[0])
    assert trace["note"] == "mine" and trace["list"] == [1, 2]
    assert any(event["name"].startswith("ProfilerStep#") for event in events)
    with pytest.raises(ValueError, match="is no JSON"):
        prof.add_metadata_json("x", "{")


def test_autograd_profiler(tmp_path):
    from rustorch.autograd import profiler as old

    assert old.record_function is record_function
    with old.profile(record_shapes=True) as prof:
        (torch.ones(3, requires_grad=True) * 2).sum().backward()
    rows = {row.key: row.count for row in prof.key_averages()}
    assert rows["MulBackward"] == 1
    assert "MulBackward" in prof.table(sort_by="cpu_time_total", row_limit=50) and str(prof) == prof.table()
    assert prof.self_cpu_time_total > 0 and prof.total_average().count == len(prof.function_events)
    prof.export_chrome_trace(tmp_path / "t.json")
    check_nesting(complete_events(tmp_path / "t.json")[1])
    with old.profile(enabled=False) as off:
        torch.ones(3)
    assert len(off.function_events) == 0
    with pytest.warns(UserWarning, match="CUDA is not available"):
        old.profile(use_cuda=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old.profile(use_device="cpu")
    with pytest.raises(ValueError, match="there is no device 'tpu'"):
        old.profile(use_device="tpu")
    with pytest.raises(torch.UnsupportedError), old.emit_nvtx():
        pass
    with old.emit_nvtx(enabled=False):
        pass
    assert torch.autograd.profiler.EventList is old.EventList


def test_imports_are_late():
    code = "import sys, rustorch; print([name for name in sys.modules if name.startswith('rustorch') and 'profil' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_values_do_not_change():
    """A profiled run gives the same bits."""

    def run():
        model, x, y = model_and_batch()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(5):
            train_step(model, x, y, optimizer)
        return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])

    plain = run()
    with Profiler(record_shapes=True):
        assert (run() == plain).all()
