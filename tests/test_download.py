"""Downloads, from a server on this machine: whole, cut off, altered, interrupted, unreachable, unwritable."""

import hashlib
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from course_utils import data
from course_utils.data import downloads

CONTENT = b"ants work and bees fly\n" * 50_000  # more than one chunk


class Server(ThreadingHTTPServer):
    """Sends `body` and waits a `pause` in the middle, claims that it has `length` bytes, answers `status`, and counts
    the requests."""

    daemon_threads = True
    body, length, status, pause, requests = CONTENT, len(CONTENT), 200, 0.0, 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.length))
        self.end_headers()
        middle = len(self.server.body) // 2
        self.wfile.write(self.server.body[:middle])
        time.sleep(self.server.pause)
        self.wfile.write(self.server.body[middle:])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(monkeypatch, tmp_path, server):
    """The folder that downloads go to, with a registry that has one set, on the server."""
    entry = {
        "what": "ants",
        "url": f"http://127.0.0.1:{server.server_port}/ants.txt",
        "file": "ants.txt",
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "checked": "by hand",
        "licence": "free",
        "offline": "course_utils.data.wikipedia()",
    }
    registry = tmp_path / "downloads.yaml"
    registry.write_text(yaml.safe_dump({"ants": entry, "bees-6b": entry}), encoding="utf-8")
    monkeypatch.setattr(downloads, "data_path", lambda name: tmp_path / name)
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "downloads"


def names(folder):
    """What lies in the folder, the empty file that is locked during a download aside."""
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return [name for name in found if name != ".ants.txt.lock"]


def test_good_file_arrives_once(folder, server):
    path = data.download("ants")
    assert path == folder / "ants.txt"
    assert path.read_bytes() == CONTENT
    assert data.download("ants") == path
    assert server.requests == 1
    assert names(folder) == ["ants.txt"]


def test_progress_bar_reaches_the_end(folder, monkeypatch):
    seen = []
    update = downloads._ProgressBar.update
    monkeypatch.setattr(downloads._ProgressBar, "update", lambda bar, size: (seen.append(size), update(bar, size)))
    data.download("ants")
    assert len(seen) > 10
    assert seen[-1] == len(CONTENT)  # pooch fills the bar at the end


@pytest.mark.parametrize(
    "body",
    [CONTENT[:-1], CONTENT.replace(b"bees", b"bugs"), b"<html>please sign in</html>", b""],
    ids=["truncated", "altered", "sign-in page", "empty"],
)
def test_another_file_is_refused(folder, server, body):
    server.body, server.length = body, len(body)
    message = r"not the published ants, and was thrown away\. Try again; .*Use instead: course_utils\.data\.wikipedia"
    with pytest.raises(ValueError, match=message):
        data.download("ants")
    assert names(folder) == []
    server.body, server.length = CONTENT, len(CONTENT)
    assert data.download("ants").read_bytes() == CONTENT


def test_transfer_that_breaks_off_leaves_nothing_and_a_second_try_succeeds(folder, server):
    server.body = CONTENT[:300_000]
    url = rf"http://127\.0\.0\.1:{server.server_port}/ants\.txt"
    message = rf"ants didn't arrive from {url}: .*put it at {folder}/ants\.txt, or use instead: course_utils"
    with pytest.raises(ConnectionError, match=message):
        data.download("ants")
    assert names(folder) == []
    server.body = CONTENT
    assert data.download("ants").read_bytes() == CONTENT


TWO = """
import sys
from pathlib import Path
from course_utils import data
from course_utils.data import downloads
downloads.data_path = lambda name: Path(sys.argv[1], name)
assert data.download("ants").stat().st_size == int(sys.argv[2])
"""


def test_two_at_once_fetch_it_once(folder, server, tmp_path):
    server.pause = 1.0
    command = [sys.executable, "-c", TWO, str(tmp_path), str(len(CONTENT))]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(one.communicate(timeout=60)[0] for one in both)
    assert [one.returncode for one in both] == [0, 0]
    assert said.count("Another process is fetching ants; waiting for it.") == 1
    assert server.requests == 1
    assert names(folder) == ["ants.txt"]


def test_keyboard_interrupt_leaves_nothing(folder, monkeypatch):
    def interrupt(bar, size):
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads._ProgressBar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        data.download("ants")
    assert names(folder) == []


@pytest.mark.parametrize("damaged", [CONTENT[:70_000], CONTENT.replace(b"bees", b"bugs")], ids=["partial", "altered"])
def test_damaged_copy_is_fetched_anew(folder, server, damaged):
    folder.mkdir(parents=True)
    (folder / "ants.txt").write_bytes(damaged)
    assert data.download("ants").read_bytes() == CONTENT
    assert server.requests == 1


def test_damaged_copy_is_never_used_offline(folder, server):
    folder.mkdir(parents=True)
    (folder / "ants.txt").write_bytes(CONTENT[:70_000])
    server.shutdown()
    server.server_close()
    with pytest.raises(
        ConnectionError, match=r"no connection \(the copy in .*ants\.txt is no use: it has 70,000 bytes"
    ):
        data.download("ants")
    (folder / "ants.txt").write_bytes(CONTENT.replace(b"bees", b"bugs"))
    with pytest.raises(ConnectionError, match=r"no use: its SHA-256 is [0-9a-f]{64}, published is [0-9a-f]{64}"):
        data.download("ants")


def test_offline_error_names_what_to_use_instead(folder, server):
    server.shutdown()
    server.server_close()
    message = r"no connection\. Try again with a network, .*, or use instead: course_utils\.data\.wikipedia\(\)$"
    with pytest.raises(ConnectionError, match=message):
        data.download("ants")
    assert names(folder) == []


def test_a_good_copy_needs_no_network(folder, server):
    data.download("ants")
    server.shutdown()
    server.server_close()
    assert data.download("ants").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "said"), [(404, "404 Not Found"), (500, "500 Internal Server Error"), (407, "407 Proxy Auth")]
)
def test_a_refusal_says_what_the_server_said(folder, server, status, said):
    server.status = status
    with pytest.raises(ConnectionError, match=f"the server answered {said}"):
        data.download("ants")
    assert names(folder) == []


def test_folder_that_cannot_be_written(folder, server, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"can't write into .*file.*COURSE_CACHE_DIR to a folder that you may write"):
        data.download("ants")
    assert server.requests == 0


def test_unknown_name_names_near_ones(folder, server):
    with pytest.raises(ValueError, match=r"'bees-6B'; did you mean 'bees-6b'\? There are: ants, bees-6b"):
        data.download("bees-6B")
    with pytest.raises(ValueError, match=r"'zzz'; There are: ants, bees-6b$"):
        data.download("zzz")
    with pytest.raises(ValueError, match=r"data set is called 3; There are: ants, bees-6b$"):
        data.download(3)
    assert server.requests == 0


def test_the_courses_own_registry():
    known = data.downloadable()
    assert {"tinyshakespeare", "glove-6b", "wordnet"} <= set(known)
    assert len({data_set.file for data_set in known.values()}) == len(known)
    for name, data_set in known.items():
        assert data_set.name == name
        assert data_set.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", data_set.sha256)
        assert data_set.bytes > 0
        assert all(isinstance(text, str) and text for text in (data_set.what, data_set.licence, data_set.checked))
        loader = re.match(r"course_utils\.data\.(\w+)\(", data_set.offline)
        assert callable(getattr(data, loader[1])), data_set.offline


@pytest.mark.official
@pytest.mark.parametrize("name", ["tinyshakespeare", "wordnet", "mnist"])
def test_published_files_are_what_the_registry_says(name, monkeypatch, tmp_path, request):
    """GloVe is left out for its 862 MB."""
    if "official" not in request.config.option.markexpr:
        pytest.skip("needs a network; run it with: pytest -m official")
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    assert data.download(name).stat().st_size == data.downloadable()[name].bytes
