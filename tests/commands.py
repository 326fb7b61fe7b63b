"""Commands in this process: what `starledger` prints and how it ends, without a second for a new process.

Here: one call of the whole command line, errors and exit code included.
Not here: what only a process of its own shows, such as how soon it answers (tests/pipelines/test_cli.py).
"""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from pipelines.cli import main


def starledger(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command as the installed program would."""
    command, code = ["starledger", *map(str, arguments)], 0
    with (
        patch("sys.argv", command),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())
