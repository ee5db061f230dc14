"""The process in which repeats run: `python -m seedscope.verify.recording.host`.

With a job as argument it runs that one and ends. With `--serve` it imports TensorFlow,
and then forks a process for each job that it reads from its input: as good as a fresh
one bit for bit, as long as nothing used TensorFlow before, and three times as fast.
"""

import os
import pickle
import sys
import traceback
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Run one job, or serve jobs until the input ends."""
    from seedscope.verify.recording import program  # imports TensorFlow

    if arguments != ["--serve"]:
        os._exit(_run(program, Path(arguments[0])))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(_run(program, Path(line.strip())))
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _run(program, path: Path) -> int:
    """Run the job in a file, and put its record, or what went wrong, beside it."""
    log = os.open(path.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    try:
        record = program.run(pickle.loads(path.read_bytes()))
        path.with_suffix(".record").write_bytes(pickle.dumps(record))
        return 0
    except BaseException as error:
        path.with_suffix(".error").write_text(_told(error, program))
        return 1
    finally:
        sys.stdout.flush()


def _told(error: BaseException, program) -> str:
    """Say what went wrong, with the innermost line of the user's code."""
    said = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if program.frames.of_whom(f.filename) == "user"]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    first = said.splitlines()[0]
    return f"{first}{where}\n{traceback.format_exc()}"


if __name__ == "__main__":
    main(sys.argv[1:])
