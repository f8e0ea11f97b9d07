"""A profiler on real ranks: collectives beside the backward pass, waits, and a trace a rank."""

import json

PROFILED = """
    import sys
    import rustorch as rt
    import rustorch.distributed as dist
    from rustorch import nn, optim
    from rustorch.nn.parallel import DistributedDataParallel
    from rustorch.utils import Profiler

    dist.init_process_group()
    rank = dist.get_rank()
    model = DistributedDataParallel(nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 8)))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    profiler = Profiler()
    dist.barrier()
    with profiler.profile("steps"):
        for _ in range(3):
            optimizer.zero_grad()
            model(rt.randn(16, 64)).square().mean().backward()
            optimizer.step()
        work = dist.all_reduce(rt.ones(1 << 20), async_op=True)
        work.wait()
    rows = {row.name: row for row in profiler.rows()}
    assert rows["all_reduce"].kind == "collective" and rows["all_reduce"].calls >= 4, rows.get("all_reduce")
    assert rows["all_reduce"].in_bytes >= 4 << 20
    assert rows["wait for all_reduce"].kind == "wait"
    assert rows["backward"].calls == 3
    profiler.export_chrome_trace(f"rank{rank}.json")
    dist.destroy_process_group()
"""


def test_two_ranks(launch_mpi, tmp_path):
    barriers = []
    job = launch_mpi.run("-n", 2, launch_mpi.script(PROFILED))
    assert job.code == 0, job.err
    for rank in range(2):
        trace = json.loads((tmp_path / f"rank{rank}.json").read_text())
        assert trace["distributedInfo"] == {"rank": rank, "world_size": 2}
        events = trace["traceEvents"]
        assert any(event["name"] == "process_name" and event["args"]["name"] == f"rustorch rank {rank}" for event in events)
        begins = {event["id2"]["local"]: event for event in events if event["ph"] == "b"}
        ends = {event["id2"]["local"]: event for event in events if event["ph"] == "e"}
        assert len(begins) >= 4 and begins.keys() == ends.keys()
        assert all(event["name"] == "all_reduce" and ends[number]["ts"] >= event["ts"] for number, event in begins.items())
        threads = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
        assert all(threads[event["tid"]].startswith("rustorch-comm") for event in begins.values())
        waits = [event for event in events if event["name"] == "wait for all_reduce"]
        barriers.append(max(event["ts"] + event["dur"] for event in waits))
        (steps,) = [event for event in events if event["name"] == "steps"]
        assert all(steps["ts"] - 1e3 <= event["ts"] <= steps["ts"] + steps["dur"] for event in begins.values())
    # The ranks count from the same moment: what ended on both together lies side by side.
    assert abs(barriers[0] - barriers[1]) < 5e5
