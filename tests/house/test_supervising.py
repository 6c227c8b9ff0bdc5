"""Child processes: started, watched, ended with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tallystick.supervising import ChildDied, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


async def test_children_end_when_the_supervisor_leaves(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as children:
        first, second = await children.start("first", SLEEPER), await children.start("second", SLEEPER)
        assert psutil.pid_exists(first)
        assert psutil.pid_exists(second)
    assert not psutil.pid_exists(first)
    assert not psutil.pid_exists(second)


async def test_a_child_that_ends_by_itself_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as children:
        await children.start("failing", [sys.executable, "-c", "print('no such model'); raise SystemExit(3)"])

        async def never() -> bool:
            return False

        with pytest.raises(ChildDied, match=r"failing ended with status 3(.|\n)*no such model"):
            await children.until("failing", never, timeout_s=20)


async def test_what_is_never_ready_is_given_up_with_a_pointer_to_the_logs(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as children:

        async def never() -> bool:
            return False

        with pytest.raises(TimeoutError, match="see the logs in"):
            await children.until("the moon", never, timeout_s=0.2)


def test_children_die_even_when_the_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from tallystick.supervising import Supervisor\n"
        "async def main():\n"
        "    children = Supervisor(Path(sys.argv[1]))\n"
        "    print(await children.start('c', [sys.executable, '-c', 'import time; time.sleep(60)']), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)
