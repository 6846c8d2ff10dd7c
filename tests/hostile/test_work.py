"""Work that is cut: videos, full disks, slow servers, archives, interrupts; the same command then goes on."""

import io
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
import zipfile

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from moving import video
from pictures import jpeg
from program import socl_apart
from world import TINY, TRACK, check, contents, half, put

from socl_core.data import fetch  # noqa: I001
from socl_core.data import video as videos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CLIP = "track --frames clip.mp4 --init 70,50,30,30 --out b.txt"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_cut_video_is_no_whole_one(world, suffix):
    clip, images = world / f"x{suffix}", video(12)[0] * 3
    writer = imageio_ffmpeg.write_frames(str(clip), images[0].shape[1::-1], fps=25, codec="libx264", pix_fmt_in="bgr24")
    writer.send(None)
    for image in images:
        writer.send(np.ascontiguousarray(image))
    writer.close()
    command, frames = f"track --frames {clip.name} --init 70,50,30,30 --out b.txt", f"data frames {clip.name} --out"
    check(world, command, "36 frames", 0, written="b.")
    check(world, f"{frames} y", "36 images", 0, written="y/")
    for share in (0.9, 0.5, 0.01, 0):
        os.truncate(clip, int(share * clip.stat().st_size))
        check(world, command, clip.name, written="b.part")
        check(world, f"{frames} y{share}", clip.name, written="y")


def test_what_was_tracked_before_a_damage_is_kept(world):
    half(world / "v/4.png")
    put(world / "b.txt", "mine")
    said = check(
        world, TRACK, "v/4.png is truncated|3 frames that were tracked are in b.part.txt", written="b.part.txt"
    )
    assert "Traceback" not in said and len((world / "b.part.txt").read_text().splitlines()) == 3


def test_more_frames_than_the_limit_need_leave(world, monkeypatch):
    monkeypatch.setattr(videos, "MOST_FRAMES", 5)
    check(world, CLIP, "more than 5 frames|SOCL_MOST_FRAMES", written="b.part")
    monkeypatch.setenv("SOCL_MOST_FRAMES", "500")
    check(world, CLIP, "72 frames", 0, written="b.")
    monkeypatch.setenv("SOCL_MOST_FRAMES", "many")
    check(world, CLIP, "expected a whole number", written="b.")


def test_a_clip_on_a_full_disk_replaces_no_good_one(world):
    check(world, f"{CLIP} --render r.mp4", "72 frames", 0, written="b. r.")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
    try:
        check(world, f"{CLIP} --render r.mp4", "cannot write r.mp4", written="b.")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_frame_of_another_size_ends_a_clip(world):
    put(world / "v/5.jpg", jpeg())
    check(
        world, f"{TRACK} --render r.mp4", "frame 5 has the shape (30, 40, 3), the first (150, 200, 3)", written="b.part"
    )


@pytest.mark.parametrize("height, width", [(1, 1), (1, 300), (2, 3), (2000, 2)])
def test_frames_of_odd_sizes_are_tracked(world, height, width):
    for number in (1, 2):
        put(world / f"f/{number}.png", b"")
        cv2.imwrite(str(world / f"f/{number}.png"), np.random.default_rng(number).integers(0, 255, (height, width, 3)))
    for weights in ("socl-siam", "socl-cf"):
        check(world, f"track --frames f --init 0,0,1,1 --out b.txt --weights {weights} --render r.mp4", "", 0, "b. r.")


@pytest.mark.parametrize("box", ["70,50,.1,1e300", "-1e300,-1e300,1e308,1e308", "70,50,1e-300,1e-300", "0,0,200,150"])
def test_boxes_of_odd_sizes_are_tracked(world, box):
    for weights in ("socl-siam", "socl-cf"):
        check(world, f"track --frames v --init {box} --out b.txt --weights {weights} --render r.mp4", "", 0, "b. r.")


def test_an_interrupted_export_goes_on(world, monkeypatch):
    """Of two sequences one is exported; another command's results are never mixed with it."""
    from layouts import otb_sequence

    from socl_core.scoring import results

    otb_sequence(world / "otb", "Zebra")
    command, write = "evaluate --data otb:otb --export got10k:sent --explain", results.write_results

    def interrupted(convention, folder, name, *rest):
        if name == "Zebra":
            raise KeyboardInterrupt
        write(convention, folder, name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(results, "write_results", interrupted)
        check(world, command, "interrupted", 130, written="sent/")
    check(world, command + " --weights socl-siam", "is there already")
    first = (world / "sent/Deer/Deer_001.txt").stat().st_mtime_ns
    check(world, command, "mean", 0, written="sent/")
    assert first == (world / "sent/Deer/Deer_001.txt").stat().st_mtime_ns or (world / "sent/Zebra").is_dir()
    assert sorted(path.name for path in (world / "sent").iterdir()) == ["Deer", "Zebra"]
    check(world, command, "is there already")


class Server(threading.Thread):
    """Sends some bytes to each connection, then one a tenth of a second, or closes."""

    def __init__(self, head: bytes, drip: bool):
        super().__init__(daemon=True)
        self.socket, self.head, self.drip = socket.create_server(("127.0.0.1", 0)), head, drip
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def run(self):
        while True:
            with self.socket.accept()[0] as client:
                try:
                    client.recv(4096)
                    client.sendall(self.head)
                    while self.drip:
                        client.sendall(b"x")
                        time.sleep(0.1)
                except OSError:
                    pass


def archive(*members: tuple[str, bytes], **options) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **options) as file:
        for name, text in members:
            file.writestr(name, text)
    return content.getvalue()


def reply(content: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


WHOLE = archive(("Deer/groundtruth_rect.txt", b"1,1,8,6\n" * 2), *((f"Deer/img/000{n}.jpg", jpeg()) for n in (1, 2)))
REPLIES = {  # what a server sends, whether it goes on for ever, and what is said
    "an archive": (reply(WHOLE), False, "fetched"),
    "nothing": (b"", False, "cannot fetch"),
    "no HTTP": (b"\x1b[31mhello\r\n\r\n", False, "cannot fetch"),
    "an error": (b"HTTP/1.0 500 \x1b[31mowned\r\n\r\n", False, "500 \\x1b[31mowned"),
    "a loop": (b"HTTP/1.0 302 a\r\nLocation: /\r\n\r\n", False, "cannot fetch"),
    "another protocol": (b"HTTP/1.0 302 a\r\nLocation: ftp://127.0.0.1/x\r\n\r\n", False, "cannot fetch"),
    "a file": (b"HTTP/1.0 302 a\r\nLocation: file:///etc/passwd\r\n\r\n", False, "cannot fetch"),
    "a huge announcement": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        False,
        "the server announces",
    ),
    "no number": (b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\nabc", False, "Deer"),
    "a drip": (b"HTTP/1.0 200 OK\r\n\r\n", True, "less than 100 bytes a second"),
    "no archive": (reply(b"<html>"), False, "cannot be unpacked"),
    "an empty archive": (reply(archive()), False, "Deer"),
    "half": (reply(WHOLE[: len(WHOLE) // 2]), False, "cannot be unpacked"),
    "a flipped bit": (reply(WHOLE[:500] + bytes([WHOLE[500] ^ 1]) + WHOLE[501:]), False, "Deer"),
    "long names": (reply(archive((300 * "a", b"x"))), False, "cannot be unpacked"),
    "file and folder": (reply(archive(("Deer", b"x"), ("Deer/img/1.jpg", b"x"))), False, "cannot be unpacked"),
    "a way out": (reply(archive(("../../mark", b"x"), ("/mark", b"x"))), False, "there is no Deer"),
    "a bomb": (reply(archive(("Deer/img/1.jpg", bytes(9_000_000)), compression=8)), False, "would unpack to"),
    "another method": (reply(archive(("Deer/x", b"x" * 99), compression=14)[:-60]), False, "cannot be unpacked"),
    "another sequence": (reply(archive(("Boy/x", b"x"))), False, "there is no Deer"),
    "a damaged sequence": (reply(archive(("Deer/groundtruth_rect.txt", b"1,1,8,6\n"))), False, "Deer"),
}


@pytest.mark.parametrize("kind", REPLIES)
def test_a_hostile_server_leaves_nothing(world, monkeypatch, kind):
    head, drip, words = REPLIES[kind]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetch, "SECONDS", 1)
    monkeypatch.setattr(fetch, "MOST_BYTES", 8_000_000)
    server = Server(head, drip)
    server.start()
    start = time.monotonic()
    check(world, f"data fetch otb --sequences Deer --out f --from {server.url}", words, 2 * (words != "fetched"), "f/")
    assert time.monotonic() - start < 20 and not (world.parent / "mark").exists()
    left = [path.name for path in (world / "f").iterdir()] if (world / "f").exists() else []
    assert words == "fetched" or set(left) <= {".Deer.zip.part"} and (drip or not (world / "f/.Deer.zip.part").is_dir())


# In a view of the files of its own, all of them are read-only but those below a folder, for root as well.
ELSEWHERE_READ_ONLY = """mount --bind {0}/.. {0}/.. && mount --bind {0} {0} && mount -o remount,bind,ro {0}/.. &&
    mount -o remount,bind,ro / && cd {0} && exec "$0" "$@" """


@pytest.mark.timeout(900)
def test_nothing_is_written_outside_of_outputs_caches_and_store(world, tmp_path, monkeypatch):
    """Where the system cannot make all else read-only, the home at least stays empty."""
    (tmp_path / "home").mkdir(mode=0o555)
    (world / "cache").unlink()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    within = "unshare", "--mount", "sh", "-c", ELSEWHERE_READ_ONLY.format(world)
    if not shutil.which("unshare") or subprocess.run([*within, "true"], capture_output=True).returncode:
        within = ()
    lines = (TRACK, "evaluate --data otb:otb", f"train {TINY} --seed 3 --out o", "data check clicks own", "status",
             "top --image v/1.png --point 70,50 --out t.png", "data frames clip.mp4 --out y", "gc --yes",
             "metrics --convention otb --boxes boxes --annotations otb", "table 2 --protocol smoke",
             "compare --frames v --init 70,50,30,30 --out c.html", "data click --out click.html",
             "evaluate --data otb:otb --export otb:sent", "book run page.ipynb out.ipynb")  # fmt: skip
    before = contents(world)
    for line, done in zip(lines, socl_apart(world, *lines, within=within), strict=True):
        assert done.returncode == 0, (line, done.stderr)
    assert not list((tmp_path / "home").iterdir())
    made = {path.split("/")[0] for path in contents(world).keys() - before.keys()}
    assert made <= {"b.txt", "o", "t.png", "y", "c.html", "click.html", "sent", "out.ipynb", "runs"}, made


def test_fetching_to_what_is_no_folder(world):
    (world / "dangling").symlink_to("nowhere")
    for out in ("dangling", "clip.mp4", "/proc/none", 300 * "f"):
        check(world, f"data fetch otb --sequences Deer --out {out} --from http://127.0.0.1:1", "cannot fetch to")


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command, place", [
    (f"{TRACK} --render r.mp4", "socl_core.data.video.draw_box"),
    ("data frames clip.mp4 --out y", "cv2.imencode"),
    ("evaluate --data otb:otb", "socl_core.scoring.evaluation.track_together"),
    ("data check otb otb --decode", "socl_core.data.layout.image_fault"),
    ("metrics --convention otb --boxes boxes --annotations otb", "socl_core.scoring.results.score_sequence"),
    ("compare --frames v --init 70,50,30,30 --out c.html", "socl_core.use.comparison.iou"),
    ("top --image v/1.png --point 70,50 --out t.png", "cv2.imencode"),
    ("train --protocol smoke --method mil --out o", "socl_core.scoring.evaluation.score_boxes"),
])  # fmt: skip
def test_a_signal_leaves_no_half_files(world, monkeypatch, command, place, number, code):
    def signalled(*_, **__):
        sent.append(time.monotonic())
        os.kill(os.getpid(), number)
        time.sleep(5)

    before, sent = contents(world), []
    monkeypatch.setattr(place, signalled)
    check(world, command, "interrupted" if number == signal.SIGINT else "", code, written="b.part y/")
    assert time.monotonic() - sent[0] < 4
    left = {path for path in contents(world).keys() - before.keys() if ".part" not in path}
    assert all(path.startswith(("o/", "y/")) and "tmp" not in path for path in left), left
