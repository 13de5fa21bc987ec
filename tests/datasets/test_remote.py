"""Fetchers, against a server on this machine that behaves as badly as the real ones."""

import errno
import hashlib
import inspect
import logging
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from pooch import HTTPDownloader
from scipy.io import savemat

from sklearn_hsiode import PixelSamples, datasets
from sklearn_hsiode.datasets import _download as download
from sklearn_hsiode.datasets import _registry as registry
from sklearn_hsiode.datasets import fetch_salinas_a
from sklearn_hsiode.datasets._registry import RemoteFile, RemoteScene

SCENES = {
    "indian_pines": registry.INDIAN_PINES,
    "salinas": registry.SALINAS,
    "salinas_a": registry.SALINAS_A,
    "pavia_university": registry.PAVIA_UNIVERSITY,
    "ksc": registry.KSC,
    "botswana": registry.BOTSWANA,
}
LABELS = np.array([[1, 0, 10], [10, 10, 1]], dtype=np.uint8)
FAILURES = ["refuse", "drop", "truncate", "cut chunks", "stall", "wrong bytes", "absent"]


class Server(ThreadingHTTPServer):
    """Sends a file, by the last part of the address, in the manner that its first part names."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = {}, []
        self.sent_some, self.closing = threading.Event(), threading.Event()

    def url(self, manner, name):
        port = absent_port() if manner == "absent" else self.server_port
        return f"http://127.0.0.1:{port}/{manner.replace(' ', '_')}/{name}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        manner, name = self.path.strip("/").split("/")
        self.server.asked.append(f"{manner}/{name}")
        if manner == "third_time" and self.server.asked.count(f"{manner}/{name}") < 3:
            manner = "refuse"
        getattr(self, manner, self.send)(self.server.files[name])

    def send(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, content):
        self.send_error(403)

    def drop(self, content):
        self.close_connection = True

    def truncate(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def truncate_silently(self, content):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def cut_chunks(self, content):
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n" % len(content) + content[:10])
        self.close_connection = True

    def stall(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:10])
        self.server.sent_some.set()
        self.server.closing.wait(20)

    def drip(self, content):
        """Never silent for long, and never done."""
        self.send_response(200)
        self.end_headers()
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def drip_headers(self, content):
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def never_end(self, content):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)
        while not self.server.closing.is_set():
            self.wfile.write(bytes(1000))

    def wrong_bytes(self, content):
        self.send(b"<html>Please enable JavaScript</html>")

    def log_message(self, *args):
        pass


def absent_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def files(tmp_path):
    """The two files of a small scene."""
    folder = tmp_path / "files"
    folder.mkdir()
    cube = np.random.default_rng(0).integers(0, 1000, (*LABELS.shape, 4)).astype(np.int16)
    savemat(folder / "Small.mat", {"small": cube})
    savemat(folder / "Small_gt.mat", {"small_gt": LABELS})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def serve(server, files, monkeypatch):
    """Let fetch_salinas_a fetch the small scene from sources of the given manners."""
    server.files = files

    def serve(*manners, labels_hash=True):
        # Long enough for a busy machine to answer where a stalled server is not what is tested.
        monkeypatch.setattr(download, "TIMEOUT", 0.5 if "stall" in manners else 20.0)

        def remote_file(name, known=True):
            sha256 = hashlib.sha256(files[name]).hexdigest() if known else None
            return RemoteFile(tuple(server.url(manner, name) for manner in manners), sha256, 1000)

        remote = RemoteScene(
            name="Small",
            folder="small",
            cube=remote_file("Small.mat"),
            labels=remote_file("Small_gt.mat", labels_hash),
            shape=(2, 3, 4),
            class_names={1: "water", 10: "tree"},
            about="A small scene.",
            citation="nobody",
        )
        monkeypatch.setattr(registry, "SALINAS_A", remote)
        return server

    return serve


def contents(folder):
    """All files below a folder, hidden ones too, by their path in it."""
    paths = folder.rglob("*") if folder.exists() else []
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in paths
    }


def put(home, files):
    home.mkdir(parents=True)
    for name, content in files.items():
        (home / name).write_bytes(content)


def test_a_fetched_scene_has_its_pixels_names_and_source(serve, home):
    serve("good")
    data = fetch_salinas_a(home)
    assert data.scene.name == "Small"
    assert data.scene.shape == (2, 3, 4)
    assert data.scene.class_names == {1: "water", 10: "tree"}
    assert isinstance(data.data, PixelSamples)
    assert data.data.shape == (5, 4)
    np.testing.assert_array_equal(data.target, [1, 10, 10, 10, 1])
    assert data.target_names == ["water", "tree"]
    assert data.wavelengths is None
    assert "A small scene." in data.DESCR
    assert "- 10: tree" in data.DESCR
    assert data.citation == "nobody"


def test_return_x_y_gives_the_labelled_pixels_alone(serve, home):
    serve("good")
    X, y = fetch_salinas_a(home, return_X_y=True)
    assert isinstance(X, PixelSamples)
    np.testing.assert_array_equal(y, [1, 10, 10, 10, 1])


def test_wavelengths_are_handed_on_where_they_are_known(serve, home, monkeypatch):
    serve("good")
    known = replace(registry.SALINAS_A, wavelengths=(400.0, 500.0, 600.0, 700.0))
    monkeypatch.setattr(registry, "SALINAS_A", known)
    data = fetch_salinas_a(home)
    np.testing.assert_array_equal(data.wavelengths, known.wavelengths)
    np.testing.assert_array_equal(data.scene.wavelengths, known.wavelengths)


def test_a_second_fetch_asks_nobody(serve, home):
    server = serve("good", "second")
    fetch_salinas_a(home)
    asked = list(server.asked)
    assert asked == ["good/Small.mat", "good/Small_gt.mat"]
    fetch_salinas_a(home, download_if_missing=False)
    assert server.asked == asked


@pytest.mark.parametrize("manner", FAILURES)
def test_when_the_first_source_fails_the_second_one_helps(serve, files, home, manner):
    server = serve(manner, "good")
    fetch_salinas_a(home, n_retries=1, delay=0)
    assert contents(home) == files
    assert server.asked[-1] == "good/Small_gt.mat"


@pytest.mark.parametrize("manner", FAILURES)
def test_when_every_source_fails_the_error_tells_why_and_nothing_is_left(serve, home, manner):
    serve(manner, "refuse")
    with pytest.raises(OSError, match=r"Small\.mat could not be downloaded") as error:
        fetch_salinas_a(home, n_retries=0)
    assert contents(home) == {}
    for url in registry.SALINAS_A.cube.urls:
        assert url in str(error.value)
    assert "403 Client Error" in str(error.value)
    assert f"put the file into {home} by hand" in str(error.value)


def test_a_source_that_is_busy_is_asked_again(serve, files, home):
    server = serve("third time")
    fetch_salinas_a(home, n_retries=2, delay=0)
    assert contents(home) == files
    assert server.asked.count("third_time/Small.mat") == 3


def test_the_other_source_is_asked_before_the_first_one_again(serve, home):
    server = serve("refuse", "third time")
    fetch_salinas_a(home, n_retries=2, delay=0)
    assert server.asked[:6] == ["refuse/Small.mat", "third_time/Small.mat"] * 3


def test_it_gives_up_after_the_last_retry(serve, home):
    server = serve("third time")
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch_salinas_a(home, n_retries=1, delay=0)
    assert len(server.asked) == 2
    assert contents(home) == {}


def test_what_was_complete_before_a_failure_is_kept_and_not_asked_for_again(
    serve, server, files, home, monkeypatch
):
    serve("good")
    labels = registry.SALINAS_A.labels
    refused = replace(labels, urls=(server.url("refuse", labels.name),))
    with monkeypatch.context() as patch:
        patch.setattr(registry, "SALINAS_A", replace(registry.SALINAS_A, labels=refused))
        with pytest.raises(OSError, match=r"Small_gt\.mat could not be downloaded"):
            fetch_salinas_a(home, n_retries=0)
    assert contents(home) == {"Small.mat": files["Small.mat"]}
    fetch_salinas_a(home)
    assert server.asked.count("good/Small.mat") == 1


def test_an_interrupted_download_leaves_nothing(serve, home, monkeypatch):
    def interrupt(downloader, url, file, pooch):
        file.write(b"half")
        raise KeyboardInterrupt

    serve("good")
    monkeypatch.setattr(HTTPDownloader, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_salinas_a(home)
    assert contents(home) == {}


@pytest.mark.parametrize("before", [None, 0.6])
@pytest.mark.parametrize("manner", ["good", "stall"])
def test_the_timeout_of_other_connections_stays_as_it_was(serve, home, manner, before):
    serve(manner, "good")
    socket.setdefaulttimeout(before)
    try:
        fetch_salinas_a(home, n_retries=1, delay=0)
        assert socket.getdefaulttimeout() == before
    finally:
        socket.setdefaulttimeout(None)


def test_a_file_has_its_name_only_when_it_is_complete(serve, files, home, monkeypatch):
    server = serve("stall", "good")
    monkeypatch.setattr(download, "TIMEOUT", 20.0)
    with ThreadPoolExecutor(1) as thread:
        fetching = thread.submit(fetch_salinas_a, home)
        assert server.sent_some.wait(10)
        assert not (home / "Small.mat").exists()
        server.closing.set()
        fetching.result()
    assert contents(home) == files


@pytest.mark.parametrize("manner", ["drip", "drip headers"])
def test_a_server_that_drips_is_left(serve, files, home, monkeypatch, manner):
    serve(manner, "good")
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    fetch_salinas_a(home)
    assert contents(home) == files


@pytest.mark.parametrize("labels_hash", [True, False])
def test_a_server_that_sends_more_than_the_file_is_left_at_once(
    serve, files, home, monkeypatch, caplog, labels_hash
):
    monkeypatch.setattr(download, "LARGEST", 2000)
    serve("never end", "good", labels_hash=labels_hash)
    fetch_salinas_a(home)
    assert contents(home) == files
    assert "it sends more than the 1,000 bytes that the file may have" in caplog.text


def test_a_full_disk_is_not_blamed_on_the_sources(serve, server, home, monkeypatch):
    def refuse(received, chunk):
        raise OSError(errno.ENOSPC, "No space left on device")

    serve("good", "good")
    monkeypatch.setattr(download._Received, "write", refuse)
    with pytest.raises(OSError, match=r"No space left on device: .*Small\.mat"):
        fetch_salinas_a(home)
    assert len(server.asked) == 1
    assert contents(home) == {}


def test_two_threads_may_fetch_the_same_scene(serve, files, home):
    serve("good")
    with ThreadPoolExecutor(2) as threads:
        fetched = list(threads.map(fetch_salinas_a, [home, home]))
    assert [data.data.shape for data in fetched] == [(5, 4)] * 2
    assert contents(home) == files
    assert socket.getdefaulttimeout() is None


def test_what_fails_is_logged(serve, home, caplog):
    serve("refuse", "good")
    with caplog.at_level(logging.INFO, "sklearn_hsiode.datasets"):
        fetch_salinas_a(home)
    assert "Downloading Small.mat" in caplog.text
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 2
    assert all("refuse/Small" in message and "403" in message for message in warned)


@pytest.mark.parametrize("manner", ["wrong bytes", "truncate silently", "truncate"])
def test_labels_without_a_known_hash_are_placed_only_if_they_can_be_read(
    serve, files, home, manner
):
    serve(manner, "good", labels_hash=False)
    fetch_salinas_a(home, n_retries=0)
    assert contents(home) == files

    shutil.rmtree(home)
    put(home, {"Small.mat": files["Small.mat"]})
    serve(manner, labels_hash=False)
    with pytest.raises(OSError, match=r"Small_gt\.mat could not be downloaded"):
        fetch_salinas_a(home, n_retries=0)
    assert contents(home) == {"Small.mat": files["Small.mat"]}


@pytest.mark.parametrize(
    ("labels", "why"),
    [(LABELS.T, "must hold one label raster"), (LABELS * 2, r"its labels are \[2, 20\], not")],
)
def test_labels_without_a_known_hash_must_be_those_of_the_scene(
    serve, files, home, tmp_path, labels, why
):
    savemat(tmp_path / "other.mat", {"other": labels})
    other = (tmp_path / "other.mat").read_bytes()

    server = serve("good", labels_hash=False)
    server.files = {**files, "Small_gt.mat": other}
    with pytest.raises(OSError, match=why):
        fetch_salinas_a(home, n_retries=0)
    assert contents(home) == {"Small.mat": files["Small.mat"]}

    (home / "Small_gt.mat").write_bytes(other)
    with pytest.raises(OSError, match=rf"{why}.* It was left as it is"):
        fetch_salinas_a(home)
    assert contents(home)["Small_gt.mat"] == other


@pytest.mark.parametrize("where", ["", "small"])
def test_files_put_there_by_hand_are_taken(serve, files, home, where):
    server = serve("refuse")
    put(home / where, files)
    assert fetch_salinas_a(home, download_if_missing=False).data.shape == (5, 4)
    assert server.asked == []


def test_a_folder_that_cannot_be_written_to_can_be_read(serve, files, home):
    serve("refuse")
    put(home, files)
    home.chmod(0o555)
    try:
        assert fetch_salinas_a(home).data.shape == (5, 4)
    finally:
        home.chmod(0o755)


@pytest.mark.parametrize("name", ["Small.mat", "Small_gt.mat"])
@pytest.mark.parametrize("download_if_missing", [True, False])
def test_a_wrong_file_put_there_by_hand_is_refused_and_stays(
    serve, home, name, download_if_missing
):
    server = serve("good")
    put(home, {name: b"my own data"})
    with pytest.raises(OSError, match=r"its sha256 is .* It was left as it is") as error:
        fetch_salinas_a(home, download_if_missing=download_if_missing)
    assert str(home / name) in str(error.value)
    assert server.url("good", name) in str(error.value)
    assert contents(home) == {name: b"my own data"}
    assert server.asked == []


def test_a_missing_file_is_named_with_the_remedy_when_it_must_not_be_downloaded(serve, files, home):
    server = serve("good")
    with pytest.raises(FileNotFoundError, match=r"lacks Small\.mat and Small_gt\.mat") as error:
        fetch_salinas_a(home, download_if_missing=False)
    for hint in (str(home), "download_if_missing=True", server.url("good", "Small.mat")):
        assert hint in str(error.value)
    assert not home.exists()

    put(home, {"Small.mat": files["Small.mat"]})
    with pytest.raises(FileNotFoundError, match=r"lacks Small_gt.mat in"):
        fetch_salinas_a(home, download_if_missing=False)
    assert server.asked == []


def test_the_folder_is_the_argument_or_the_environment_or_in_the_home_directory(
    serve, files, tmp_path, monkeypatch
):
    serve("good")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SKLEARN_HSIODE_DATA", raising=False)
    fetch_salinas_a()
    assert contents(tmp_path / "user/sklearn_hsiode_data") == files

    monkeypatch.setenv("SKLEARN_HSIODE_DATA", "~/from_environment")
    fetch_salinas_a()
    assert contents(tmp_path / "user/from_environment") == files

    fetch_salinas_a("~/from_argument")
    assert contents(tmp_path / "user/from_argument") == files


def test_a_download_is_as_readable_as_its_folder(serve, home):
    serve("good")
    home.mkdir()
    home.chmod(0o750)
    fetch_salinas_a(home)
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o640}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(NotADirectoryError, match="data_home must be a folder"):
        fetch_salinas_a(tmp_path / "file")
    with pytest.raises(OSError, match=r"cannot be written to .* data_home"):
        fetch_salinas_a(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    "wrong",
    [
        {"data_home": 3},
        {"download_if_missing": "no"},
        {"return_X_y": "yes"},
        {"n_retries": -1},
        {"delay": -1.0},
    ],
)
def test_a_wrong_argument_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        fetch_salinas_a(**wrong)


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_has_a_fetcher_whose_docstring_tells_its_files_and_checks(name):
    fetch, scene = getattr(datasets, f"fetch_{name}"), SCENES[name]
    doc = inspect.getdoc(fetch)
    assert "<" not in doc.replace("<folder>", "")
    assert scene.cube.name in doc
    assert scene.labels.name in doc
    assert f"shape {scene.shape}" in doc
    assert ("No hash of this ground truth is known" in doc) == (scene.labels.sha256 is None)
    assert f"fetch_{name}" in datasets.__all__


@pytest.mark.parametrize("name", SCENES)
def test_every_fetcher_fetches_its_own_scene(name, tmp_path):
    scene = SCENES[name]
    with pytest.raises(FileNotFoundError, match=f"lacks {scene.cube.name} and {scene.labels.name}"):
        getattr(datasets, f"fetch_{name}")(tmp_path, download_if_missing=False)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_every_file_has_the_collection_and_its_snapshot_as_sources(scene):
    for file in (scene.cube, scene.labels):
        first, second = file.urls
        assert first.startswith("https://www.ehu.eus/ccwintco/uploads/")
        assert second == f"https://web.archive.org/web/2id_/{first}"
        assert first.endswith(f"/{file.name}")
    assert len(scene.cube.sha256) == 64


@pytest.mark.parametrize("name", SCENES)
def test_hashes_and_sizes_are_those_of_the_real_files(data_dir, name):
    scene = SCENES[name]
    present = [
        (file, data_dir / name / file.name)
        for file in (scene.cube, scene.labels)
        if (data_dir / name / file.name).exists()
    ]
    if not present:
        pytest.skip(f"no file of {scene.name} is in {data_dir}")
    for file, path in present:
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size


@pytest.mark.parametrize("name", ["indian_pines", "salinas", "salinas_a", "pavia_university"])
def test_classes_and_shape_are_those_of_the_real_ground_truth(data_dir, name):
    loadmat = pytest.importorskip("scipy.io").loadmat
    scene = SCENES[name]
    variables = loadmat(data_dir / name / scene.labels.name)
    (labels,) = (value for key, value in variables.items() if not key.startswith("__"))
    assert labels.shape == scene.shape[:2]
    assert sorted({*np.unique(labels)} - {0}) == sorted(scene.class_names)


def test_the_real_salinas_a_is_taken_from_a_folder_filled_by_hand(data_dir, tmp_path):
    shutil.copytree(data_dir / "salinas_a", tmp_path / "home")
    data = fetch_salinas_a(tmp_path / "home", download_if_missing=False)
    assert data.scene.shape == (83, 86, 204)
    assert data.data.shape == (5348, 204)
    assert data.scene.class_names[10] == "Corn_senesced_green_weeds"
    assert data.target_names[0] == "Brocoli_green_weeds_1"
    assert np.unique(data.target).tolist() == [1, 10, 11, 12, 13, 14]
    assert fetch_salinas_a(Path(data_dir), download_if_missing=False).scene.shape == (83, 86, 204)
