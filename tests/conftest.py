"""What all tests share: no network, and no traces in the user's folders."""

import importlib.util
import ipaddress
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("course", deadline=None)  # no test is about time: a busy machine may be slow
settings.load_profile("course")

HERE = Path(__file__).parent
# The extra `browser` brings Playwright; without it the other tests still run.
collect_ignore = [] if importlib.util.find_spec("playwright") else ["test_jupyterlab.py"]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, request):
    """Only this machine may be talked to, except in tests marked `official`."""
    if request.node.get_closest_marker("official"):
        return
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and not _local(address[0]):
            raise OSError(f"tests are offline, and something wants {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path_factory):
    """Progress goes to a temporary folder; the learner's own is never touched."""
    monkeypatch.setenv("COURSE_USER_DIR", str(tmp_path_factory.mktemp("user")))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel built from this tree, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def as_in_a_notebook():
    """Shapes are not checked from outside, as with learners: the code's own checks must speak."""
    from jaxtyping import config

    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def float64():
    """Everything in double precision, from the same random numbers."""
    import torch

    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, for the tests marked `browser`."""
    from browser import chromium

    with chromium() as running:
        yield running
