"""The whole network as real processes: what must hold whatever happens to them."""

import pytest

pytest.register_assert_rewrite("tests.integration.books", "tests.integration.harness")
