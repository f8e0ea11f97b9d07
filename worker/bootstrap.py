"""Runs one rank's script as `python script.py` (or `python -m module`) would, and reports how it ended.

rustorch-worker gives this text to Python with -c, in its own process or in the interpreter that it executes, so both
behave alike. `own_file` is the descriptor this text came by. sys.argv is ["-c", "file" or "module", script or module,
arguments...].

The report is one record on the descriptor RUSTORCH_REPORT_FD: "KIND CODE\n" and a text (launcher/outcome.h). It goes
out before Python shuts down: from then on the job's other ranks are being stopped, and this one may flush its files
and run its exit handlers for as long as its supervisor lets it. RUSTORCH_FAILED in the environment tells those
handlers that the other ranks cannot be waited for.
"""

import os
import sys


def open_report():
    try:
        report = int(os.environ.get("RUSTORCH_REPORT_FD", ""))
        os.set_inheritable(report, False)
        return report
    except (ValueError, OSError):
        return -1


def send_report(report, kind, code, text=""):
    if kind not in ("done", "interrupt"):
        os.environ["RUSTORCH_FAILED"] = "1"
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    record = ("%s %d\n%s" % (kind, code, text)).encode("utf-8", "backslashreplace")
    if report < 0:
        sys.stderr.write(text)
        return
    try:
        while record:
            record = record[os.write(report, record) :]
    except OSError:
        sys.stderr.write(text)


def describe(error, hook):
    """The traceback without the frames that run the script, as Python prints it."""
    import traceback

    trace = error.__traceback__
    own = ("<rustorch-worker>", "<frozen runpy>", "runpy.py")
    while trace is not None and trace.tb_frame.f_code.co_filename.endswith(own):
        trace = trace.tb_next
    if sys.excepthook is not hook:  # the script has its own way to show exceptions
        try:
            sys.excepthook(type(error), error, trace)
            return "".join(traceback.format_exception_only(type(error), error))
        except Exception:
            pass
    return "".join(traceback.format_exception(type(error), error, trace)) + advise(error)


def advise(error):
    """Which Python it was that has no rustorch: rustorch-launch may have chosen another one than its user thinks of."""
    if not isinstance(error, ModuleNotFoundError) or error.name != "rustorch":
        return ""
    return "%s has no rustorch; --python PATH chooses another Python\n" % (sys.executable,)


def set_path(folder):
    if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        sys.path[0] = folder  # -c has put "" there


def run_module(name):
    import runpy

    set_path(os.getcwd())
    sys.argv[0] = "-m"
    runpy._run_module_as_main(name)


def absolute(path):
    """Python 3.9 made the paths of scripts absolute."""
    return os.path.abspath(path) if sys.version_info >= (3, 9) else path


def run_container(path):
    """A folder or archive with a __main__ inside."""
    import runpy

    sys.path.insert(0, absolute(path))
    if sys.path[1:2] == [""]:
        del sys.path[1]
    runpy._run_module_as_main("__main__", False)


def load_script(path):
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    full = absolute(path)
    if path.endswith(".pyc"):
        loader = SourcelessFileLoader("__main__", full)
        return loader.get_code("__main__"), loader, full
    loader = SourceFileLoader("__main__", full)
    with open(path, "rb") as file:
        source = file.read()
    return compile(source, full, "exec", dont_inherit=True), loader, full


def run_script(path):
    main = sys.modules["__main__"]
    code, loader, full = load_script(path)
    names = main.__dict__
    names.update(__file__=full, __cached__=None, __loader__=loader, __spec__=None, __package__=None)
    exec(code, names)


def judge_exit(code):
    """What sys.exit was given, as Python understands it."""
    if code is None:
        code = 0
    if isinstance(code, int):
        code &= 0xFF
        # 2 is how argparse and its relatives refuse a command line
        return code, {0: "done", 2: "usage"}.get(code, "exit"), ""
    try:
        return 1, "exit", "%s\n" % (code,)
    except Exception:
        return 1, "exit", ""


def run(kind, target):
    """Runs the target; the code to exit with, and the record to send."""
    hook = sys.excepthook
    started = kind == "module"
    try:
        import signal

        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # the worker has held Ctrl-C back until now
        if os.environ.get("RUSTORCH_AS_TORCH"):
            import rustorch.compat

            rustorch.compat.install()
        if kind == "module":
            run_module(target)
        elif os.path.isdir(target) or target.endswith((".zip", ".pyz", ".egg")):
            run_container(target)
        else:
            set_path(os.path.dirname(os.path.realpath(target)))
            run_script(target)
    except SystemExit as stop:
        code, word, text = judge_exit(stop.code)
        # how runpy says that there is no such module
        absent = kind == "module" and text.startswith("%s: " % (sys.executable,))
        return code, "usage" if absent else word, text
    except KeyboardInterrupt as error:
        return 130, "interrupt", describe(error, hook)
    except BaseException as error:
        # a syntax error of the script itself: nothing ran, and nothing will when it is tried again
        broken = isinstance(error, SyntaxError) and os.path.abspath(target) == error.filename
        return 1, "usage" if broken and not started else "exception", describe(error, hook)
    return 0, "done", ""


def main():
    os.close(own_file)
    kind, target = sys.argv[1], sys.argv[2]
    sys.argv[:] = sys.argv[2:]
    if hasattr(sys, "orig_argv"):
        flag = ["-m"] if kind == "module" else []
        sys.orig_argv[:] = sys.orig_argv[:1] + flag + sys.argv
    report = open_report()
    if report >= 0:
        import faulthandler

        faulthandler.enable(report)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)  # so that what a rank says is seen when it says it
    code, word, text = run(kind, target)
    send_report(report, word, code, text)
    if code:
        sys.exit(code)


main()
