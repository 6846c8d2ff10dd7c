"""Fetching from a local HTTP server that cuts connections, lies and sends hostile archives."""

import hashlib
import io
import json
import shutil
import stat
import struct
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from layouts import otb_sequence
from program import socl

from socl_core import data
from socl_core.data import fetch
from socl_core.errors import DataError, SoclError, UsageError


class Site(BaseHTTPRequestHandler):
    """Files by name; cuts: bytes after which the next replies break off; requests: the Range of each."""

    def do_GET(self):
        wanted, content = self.headers.get("Range"), self.files.get(self.path.removeprefix("/seq/"))
        self.requests.append(wanted)
        if content is None:
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + (self.cuts.pop(0) if self.cuts else len(content))])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = type("Site", (Site,), {"files": {}, "cuts": [], "requests": [], "ranges": True})
    http = ThreadingHTTPServer(("127.0.0.1", 0), site)
    site.url = f"http://127.0.0.1:{http.server_port}/seq"
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    yield site
    http.shutdown()
    http.server_close()


def archive_of(folder, name="Deer"):
    """The zip of a sequence as the official site has it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted((folder / name).rglob("*")):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()


@pytest.fixture
def deer(tmp_path, server):
    otb_sequence(tmp_path / "site", "Deer")
    server.files["Deer.zip"] = archive_of(tmp_path / "site")
    return server.files["Deer.zip"]


def get(server, tmp_path, names=("Deer",), **options):
    said = []
    fetch.fetch_otb(list(names), tmp_path / "otb", server.url, say=said.append, **options)
    return said


def entries(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def sha(content):
    return hashlib.sha256(content).hexdigest()


def test_a_fetched_sequence_can_be_loaded_and_its_checksum_is_noted(server, deer, tmp_path):
    (line,) = get(server, tmp_path)
    assert sha(deer) in line and "not known before" in line
    assert [len(sequence) for sequence in data.load(f"otb:{tmp_path}/otb", "test")] == [4]
    assert entries(tmp_path / "otb") == ["Deer", "checksums.json"]
    assert json.loads((tmp_path / "otb" / "checksums.json").read_text()) == {"Deer": sha(deer)}
    assert "left as it is" in get(server, tmp_path)[0] and server.requests == [None]


def test_a_cut_connection_is_resumed_not_restarted(server, deer, tmp_path):
    server.cuts = [700, 600]
    assert len(deer) > 1300
    get(server, tmp_path)
    assert server.requests == [None, "bytes=700-", "bytes=1300-"]
    assert (tmp_path / "otb" / "Deer" / "img" / "0004.jpg").exists()


def test_an_interrupted_command_goes_on_where_it_was(server, deer, tmp_path):
    server.cuts = [700] + [0] * fetch.TRIES
    with pytest.raises(DataError, match="Deer: cannot fetch http.*700 bytes are kept, the same command goes on"):
        get(server, tmp_path)
    assert entries(tmp_path / "otb") == [".Deer.zip.part"]
    server.requests.clear()
    get(server, tmp_path, checksums={"Deer": sha(deer)})
    assert server.requests == ["bytes=700-"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_part_is_used_where_it_is_of_the_file(server, deer, tmp_path, whole):
    (tmp_path / "otb").mkdir()
    (tmp_path / "otb" / ".Deer.zip.part").write_bytes(deer if whole else bytes(700))
    if not whole:
        with pytest.raises(DataError, match="Deer: what the server sent cannot be unpacked"):
            get(server, tmp_path)
    get(server, tmp_path)
    assert entries(tmp_path / "otb") == ["Deer", "checksums.json"]


def test_a_server_without_resume_sends_it_all(server, deer, tmp_path):
    server.ranges, server.cuts = False, [700]
    get(server, tmp_path, checksums={"Deer": sha(deer)})
    assert server.requests == [None, "bytes=700-"]


def test_an_answer_without_an_end_is_cut(server, deer, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MOST_BYTES", 100)
    monkeypatch.setattr(fetch, "CHUNK", 64)
    with pytest.raises(DataError, match="announces .* bytes, expected at most 100"):
        get(server, tmp_path)
    assert not (tmp_path / "otb" / ".Deer.zip.part").exists()


def test_two_processes_do_not_fetch_into_one_folder(server, deer, tmp_path):
    (tmp_path / "otb").mkdir()
    with fetch._locked(tmp_path / "otb"), pytest.raises(SoclError, match="another process fetches to"):
        get(server, tmp_path)
    assert server.requests == []


def test_a_later_fetch_must_agree_with_what_was_noted_or_given(server, deer, tmp_path):
    get(server, tmp_path)
    shutil.rmtree(tmp_path / "otb" / "Deer")
    otb_sequence(tmp_path / "other", "Deer", range(1, 6))
    server.files["Deer.zip"] = archive_of(tmp_path / "other")
    for expected, given in ((sha(deer), {}), ("0" * 64, {"Deer": "0" * 64})):
        with pytest.raises(DataError, match=f"Deer: the archive has SHA-256 .*, expected {expected}"):
            get(server, tmp_path, checksums=given)
        assert entries(tmp_path / "otb") == ["checksums.json"]
    server.files["Deer.zip"] = deer
    assert "as expected" in get(server, tmp_path)[0]


def test_one_that_fails_does_not_stop_the_others(server, deer, tmp_path):
    with pytest.raises(DataError, match="not fetched: Boy: cannot fetch .*Boy.zip: the server answers 404") as caught:
        get(server, tmp_path, ["Boy", "Deer"])
    assert "Deer" not in str(caught.value) and entries(tmp_path / "otb") == ["Deer", "checksums.json"]


def test_a_damaged_sequence_is_not_overwritten(server, deer, tmp_path):
    home = otb_sequence(tmp_path / "otb", "Deer", boxes=[[1, 1, 4, 4]])
    with pytest.raises(DataError, match="Deer is damaged: .*1 rows.*delete .*Deer to fetch it again"):
        get(server, tmp_path)
    assert (home / "groundtruth_rect.txt").read_text() == "1,1,4,4\n" and server.requests == []


def hostile(name, content=b"x", mode=0, before=b""):
    """An archive of one file, or an archive with one more."""
    stream = io.BytesIO(before)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo("placeholder")
        member.filename, member.external_attr, member.compress_type = name, mode << 16, zipfile.ZIP_DEFLATED
        archive.writestr(member, content)
    return stream.getvalue()


def lying(size):
    """An archive whose directory says that its one file has this size."""
    content = bytearray(hostile("Deer/x", bytes(1000)))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(content)


HOSTILE = [
    hostile("../outside.txt"), hostile("Deer/../../outside.txt"), hostile("/outside.txt"), hostile("C:outside.txt"),
    hostile("Deer\\..\\..\\outside.txt"), hostile("Deer/img", b"/etc", stat.S_IFLNK | 0o777), hostile("x" * 300),
    hostile("Deer/img", b"", stat.S_IFIFO), hostile("Other/img/0001.jpg"), hostile("Deer/groundtruth_rect.txt"),
    lying(1), b"<html>please log in</html>", hostile("Deer/x", bytes(1000))[:-30],
]  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE)
def test_a_hostile_archive_leaves_nothing(server, tmp_path, content):
    server.files["Deer.zip"] = content
    with pytest.raises(DataError, match="not fetched: Deer: "):
        get(server, tmp_path)
    assert entries(tmp_path / "otb") == [] and entries(tmp_path) == ["otb"]


@pytest.mark.parametrize("name, mode", [("../../outside.txt", 0), ("/outside.txt", 0), ("link", stat.S_IFLNK | 0o777)])
def test_what_a_good_archive_smuggles_stays_outside_of_the_data(server, deer, tmp_path, name, mode):
    server.files["Deer.zip"] = hostile(name, b"/etc/passwd", mode, deer)
    get(server, tmp_path)
    assert entries(tmp_path) == ["otb", "site"] and entries(tmp_path / "otb") == ["Deer", "checksums.json"]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("limit, most", [("MOST_BYTES", 5000), ("MOST_FILES", 2)])
def test_bombs_are_refused_before_anything_is_written(server, deer, tmp_path, monkeypatch, limit, most):
    server.files["Deer.zip"] = hostile("Deer/zeros", bytes(10_000), before=deer)
    monkeypatch.setattr(fetch, limit, most)
    with pytest.raises(DataError, match=rf"would unpack to \d+ files and \d+ bytes; expected at most .*\b{most}\b"):
        get(server, tmp_path)
    assert entries(tmp_path / "otb") == []


def test_a_full_disk_keeps_the_download(server, deer, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 3}))
    with pytest.raises(SoclError, match="has room for 3 bytes"):
        get(server, tmp_path)
    assert entries(tmp_path / "otb") == [".Deer.zip.part"]


@pytest.mark.parametrize("content", ["[]", '{"Deer": "12"}', "{", '{"Deer": 3}'])
def test_a_bad_file_of_checksums(tmp_path, content):
    (tmp_path / "sums.json").write_text(content)
    with pytest.raises(DataError, match="sums.json.*JSON"):
        fetch.read_checksums(tmp_path / "sums.json")


@pytest.mark.parametrize("name, source, error, message", [
    ("Deeer", "http://127.0.0.1:9", UsageError, "unknown OTB sequence 'Deeer': did you mean 'Deer'"),
    ("Deer", "file:///etc", UsageError, "begins with http"),
    ("Deer", "http://[", DataError, "Deer: cannot fetch http"),
    ("Deer", "http://127.0.0.1:9", DataError, "Deer: cannot fetch .*refused.*0 bytes are kept"),
])  # fmt: skip
def test_unknown_names_and_servers(tmp_path, name, source, error, message):
    with pytest.raises(error, match=message):
        fetch.fetch_otb([name], tmp_path, source)


def test_the_commands(server, deer, tmp_path):
    ask = partial(socl, "data", cwd=tmp_path)
    where = ("otb", "--sequences", "Deer", "--out", tmp_path / "otb", "--from", server.url)
    wrong = ask("fetch", *where, "--sha256", "0" * 64)
    assert wrong.returncode == 2 and "expected 0000" in wrong.stderr and "Traceback" not in wrong.stderr
    (tmp_path / "sums.json").write_text(json.dumps({"Deer": sha(deer).upper()}))
    done = ask("fetch", *where, "--checksums", tmp_path / "sums.json")
    assert done.returncode == 0 and "as expected" in done.stdout
    done = ask("check", "otb", tmp_path / "otb", "--sequences", "Deer", "--json")
    assert done.returncode == 0
    complete = {"name": "Deer", "state": "complete", "detail": ""}
    split = {"complete": 1, "missing": 0, "damaged": 0, "cause": "", "sequences": [complete]}
    assert json.loads(done.stdout)["splits"]["test"] == split
    done = ask("check", "otb", tmp_path / "otb")
    assert done.returncode == 2 and "--json names them" in done.stdout and "cvlab.hanyang.ac.kr" in done.stdout
    (tmp_path / "otb" / "Deer" / "img" / "0002.jpg").write_bytes(b"\xff\xd8")
    done = ask("check", "otb", tmp_path / "otb", "--sequences", "Deer")
    assert done.returncode == 2 and "Deer is damaged: 1 of 4 images, the first: 0002.jpg is truncated" in done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["fetch", "got10k", "--sequences", "a"], ["its site: http://got-10k", "socl data check got10k PATH"]),
    (["fetch", "otbb", "--sequences", "a"], ["did you mean 'otb'"]),
    (["fetch", "otb", "--sequences", "Deer,Boy", "--sha256", "0" * 64], ["for one sequence"]),
    (["fetch", "otb", "--sequences", "Deer", "--sha256", "12"], ["64 hex digits"]),
    (["check", "lassot", "x"], ["unknown layout", "did you mean 'lasot'"]),
    (["check", "otb", "x", "--split", "train"], ["unknown split"]),
    (["check", "otb", "x", "--sequences", "Deeer"], ["did you mean 'Deer'"]),
])  # fmt: skip
def test_mistakes_exit_with_2(arguments, words, tmp_path):
    done = socl("data", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and all(word in done.stderr for word in words), done.stderr
