"""One wall that is up for all tests, and projects of their own for those that need one."""

import subprocess

import pytest
from stack import Stack


@pytest.fixture(scope="session", autouse=True)
def engine():
    """Refuse to pass where nothing can be tested."""
    for words in (["compose", "version"], ["info"]):
        ran = subprocess.run(["docker", *words], check=False, capture_output=True)
        if ran.returncode == 0:
            continue
        pytest.exit(
            "These tests need Docker Engine 25 or newer, running, with Compose.", 3
        )


@pytest.fixture(scope="session")
def stack(engine):
    """A wall that is up; who breaks it mends it."""
    stack = Stack()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def new_stack(engine, request):
    """Return a function that makes a project of the test's own, not yet up."""

    def make(**options):
        stack = Stack(**options)
        request.addfinalizer(stack.remove)
        return stack

    return make
