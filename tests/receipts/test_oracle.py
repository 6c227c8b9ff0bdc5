"""The slow pairing check leaves the process as it found it."""

import subprocess
import sys

DEEP = """
import sys, msgspec
before = sys.getrecursionlimit()
import receipts.oracle
from receipts.verification import verify_bundle
assert sys.getrecursionlimit() == before
print(verify_bundle(b"[" * 10_000_000, None).outcome)
"""


def test_deeply_nested_json_fails_plainly_with_the_oracle_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "failed\n"), done.stderr
