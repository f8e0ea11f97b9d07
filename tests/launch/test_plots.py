"""Ranks that draw: of one path, rank 0 alone writes."""


def test_rank_0_writes(launch_mpi):
    launch_mpi.script(
        """
        import os
        import rustorch.distributed as dist
        from rustorch.visualization import Plotter

        rank = dist.get_rank()
        plotter = Plotter(figure_size=(2, 2))
        if rank == 1:
            figure = plotter.line_plot([1, 2], save_path="both.png")
            figure.save("rank1.png", all_ranks=True)
            assert not os.path.exists("both.png")
        dist.barrier()
        if rank == 0:
            plotter.line_plot([1, 2], save_path="both.png")
        dist.barrier()
        assert os.path.exists("both.png") and os.path.exists("rank1.png")
        print("rank", rank, "done")
        """
    )
    job = launch_mpi.run("-n", 2, "train.py")
    assert job.code == 0, job.err
    assert "rank 0 done" in job.out and "rank 1 done" in job.out
