"""What a profiler costs: a case of cases.py with it on and off by turns, in one process.

Run by bench.py as `python profiled.py CASE THREADS`; answers with a line of JSON: medians of one call in seconds, and the
median of the ratios of neighbours.
"""

import json
import statistics
import sys
import time

from cases import Cases


def main(case, threads, seconds=12.0):
    import rustorch as torch
    from rustorch.utils import Profiler

    torch.set_num_threads(threads)
    run = getattr(Cases(torch), case)()
    profiler = Profiler()
    began = time.perf_counter()
    for _ in range(3):
        run()
    group = max(1, int(2e-3 / ((time.perf_counter() - began) / 3)))  # one that is too short for the clock, several times

    def timed(on):
        if on:
            profiler.start()
        start = time.perf_counter()
        for _ in range(group):
            run()
        took = (time.perf_counter() - start) / group
        if on:
            profiler.stop()
            profiler.reset()
        return took

    times = {False: [], True: []}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[True]) < 10:
        first = len(times[True]) % 2 == 0
        for on in (first, not first):
            times[on].append(timed(on))
    ratio = statistics.median(on / off for on, off in zip(times[True], times[False]))
    print(json.dumps({"on": statistics.median(times[True]), "off": statistics.median(times[False]), "ratio": ratio}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
