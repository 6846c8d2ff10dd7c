"""Options that are mistyped, out of range or impossible, one line a case: the command, and words it must say."""

from pathlib import Path

import pytest
from program import socl
from world import TINY, check

TRACK, T = "track --frames v --init 1,2,3,4 --out", "track --frames v --out b.txt"
TRAIN, PRIOR, FETCH = "train --protocol smoke --out o", "prior build --data composite", "data fetch otb --out f"
METRICS, LONG = "metrics --convention otb", 300 * "b"
CASES = [
    # names
    ("tarck", "unknown command 'tarck'|did you mean 'track'"),
    ("train --method socl-sim --out x", "socl-sim|did you mean 'socl-siam'"),
    ("train --protocol laptpo --out x", "did you mean 'laptop'"),
    ("train --protocol '' --out x", "unknown protocol ''"),
    ("train --protocol ../../etc/passwd --out x", "unknown protocol"),
    ("train --protocol none.yaml --out x", "none.yaml"),
    (f"{TRAIN} --set etaa=0.1", "etaa|did you mean 'eta'"),
    (f"{TRAIN} --set method=mil", "chosen by its own option"),
    (f"{TRAIN} --data otbb", "did you mean 'otb'"),
    (f"{TRAIN} --data otb:", "unknown data set"),
    (f"{TRAIN} --data ''", "unknown data set"),
    (f"{TRAIN} --sede 1", "--seed"),
    (f"{TRAIN} --set test=trackingnet:tn", "no split that can be scored"),
    (f"{TRAIN} --set split=banana", "banana"),
    (f"{TRAIN} --device cuda", "CUDA"),
    (f"{TRAIN} --device ''", "device"),
    (f"{TRAIN} --device cpux", "unknown device"),
    ("parameters --method none", "unknown method"),
    ("table 7", "unknown table '7'"),
    ("table ../x", "unknown table"),
    ("table 2 --protocol none", "unknown protocol"),
    ("claims --protocol none", "unknown protocol"),
    ("select --try lrr=0.1", "lrr|did you mean 'lr'"),
    ("select --try lr=0.1 --on otb", "otb is test data"),
    ("select --try lr", "no value|lr"),
    ("select --try lr=", "lr"),
    ("select --try lr=[", "is no value"),
    ("select --try lr=0.1 --try lr=0.2", "a parameter twice"),
    ("negatives --protocol smoke --data clicks:own", "clicks:own has clicks alone"),
    ("evaluate --data compost", "did you mean 'composite'"),
    ("evaluate --data composite --split banana", "unknown split of composite 'banana'"),
    ("evaluate --data composite --sequences nobody", "unknown sequence 'nobody'"),
    ("evaluate --data composite --export otbb:x", "did you mean 'otb'"),
    ("evaluate --data composite --export otb", "a convention and a folder"),
    ("evaluate --data composite --export otb:", "a convention and a folder"),
    ("evaluate --weights none --data composite", "none|socl train"),
    ("metrics --convention otbb --boxes v --annotations v", "did you mean 'otb'"),
    (f"{METRICS} --boxes none --annotations none", "none holds no boxes"),
    ("data check banana", "unknown layout"),
    ("data check otb none", "none"),
    ("data check otb --split banana", "unknown split"),
    ("data fetch got10k --sequences a", "got10k cannot be fetched here"),
    (f"{FETCH} --sequences Banana", "unknown OTB sequence"),
    ("prior score --prior none", "none"),
    ("prior score --cues xx", "xx"),
    ("prior score --scale none", "none"),
    ("prior score --sampling none", "unknown sampling"),
    (f"{PRIOR}x", "did you mean 'composite'"),
    ("why 3f2a", "no runs in ./runs"),
    ("weights 3f2a --out w.safetensors", "no runs in ./runs"),
    ("book make --protocol foo", "unknown protocol 'foo'"),
    # values
    (f"{TRAIN} --set eta", "name=value"),
    (f"{TRAIN} --set =3", "name=value"),
    ("table 2 --seeds a", "--seeds"),
    ("table 2 --seeds 0.5", "whole numbers|0.5"),
    ("table 2 --seeds -1", "whole numbers"),
    ("table 2 --seeds ''", "--seeds"),
    ("select --try lr=0.1 --seeds 1e400", "--seeds"),
    (f"{T} --init 70,50,0,30", "is no box"),
    (f"{T} --init nan,30,4,4", "--init x,y,w,h"),
    (f"{T} --init 1,2,3", "--init x,y,w,h"),
    (f"{T} --init ''", "--init x,y,w,h"),
    (f"{T} --init 1,2,3,4,5", "--init x,y,w,h"),
    (f"{T} --init 1,2,3,4 --start -1", "--start"),
    (f"{T} --init 1,2,3,4 --start 99", "--start below 4"),
    (f"{T} --init 1,2,3,4 --start {2**70}", "--start"),
    (f"{T} --init 1,2,3,4 --stop-below 2", "--stop-below"),
    (f"{T} --init 900,900,10,10", "outside of the frame"),
    (f"{T} --point 900,900", "outside"),
    (f"{T} --point 1", "--point x,y"),
    (T, "expected --init"),
    ("track --frames v --init 1,2,3,4", "expected --out"),
    (f"{T} --init 1,2,3,4 --init 5,6,7,8", ".csv"),
    ("compare --frames v --out c.html", "one of --init"),
    ("compare --frames v --init 1,2,3,4 --point 1,2 --out c.html", "one of --init"),
    ("top --image v/1.png --point 1,2 --out x.png --eta 1.5", "0 < eta <= 1"),
    ("top --image v/1.png --point 1,2 --out x.png --eta nan", "0 < eta <= 1"),
    ("top --image v/1.png --point 900,2 --out x.png", "outside"),
    ("top --image v/1.png --point nan,2 --out x.png", "--point x,y"),
    (f"{PRIOR} --workers 0", "--workers"),
    (f"{PRIOR} --videos 0", "--videos"),
    ("prior score --frames 0", "--frames"),
    ("prior score --eta 0", "eta"),
    ("data frames clip.mp4 --out y --every 0", "--every"),
    ("book make --cores 0", "--cores"),
    ("book make --cores 99999999999", "--cores"),
    ("evaluate --data composite --sequences ''", "--sequences names none"),
    ("data check otb --sequences ,", "--sequences names none"),
    (f"{FETCH} --sequences ''", "--sequences names none"),
    (f"{FETCH} --sequences Deer --sha256 abc", "64 hex digits"),
    (f"{FETCH} --sequences Deer,Boy --sha256 {64 * '0'}", "for one sequence"),
    (f"{FETCH} --sequences Deer --from file:///etc", "begins with http"),
    (f"{FETCH} --sequences Deer --from ftp://x", "begins with http"),
    (f"{FETCH} --sequences Deer --from 'http://[::1'", "cannot fetch", "f"),
    (f"{FETCH} --sequences Deer --from http://{LONG}.x", "cannot fetch", "f"),
    # where to read
    ("track --frames none --init 1,2,3,4 --out b.txt", "no folder or video file none"),
    ("track --frames otb --init 1,2,3,4 --out b.txt", "no image in otb"),
    ("track --frames page.ipynb --init 1,2,3,4 --out b.txt", "page.ipynb is no video"),
    ("track --frames /dev/zero --init 1,2,3,4 --out b.txt", "no folder or video file /dev/zero"),
    ("track --frames camera:99999999999999999999 --init 1,2,3,4 --out b.txt", "no folder or video file camera:"),
    (f"track --frames {LONG} --init 1,2,3,4 --out b.txt", "File name too long"),
    ("track --frames '\x1b[31m' --init 1,2,3,4 --out b.txt", "\\x1b[31m"),
    ("data frames none.mp4 --out y", "no video file none.mp4"),
    ("data frames v --out y", "no video file v"),
    ("data frames clip.mp4 --out jpg", "jpg holds images already"),
    ("top --image none.jpg --point 1,2 --out x.png", "none.jpg"),
    ("top --image v --point 1,2 --out x.png", "cannot read v"),
    ("top --image /dev/zero --point 1,2 --out x.png", "no regular file"),
    ("evaluate --data clicks:own", "has clicks alone"),
    ("evaluate --weights socl-cff --data composite", "socl-cff is no weights file"),
    (f"evaluate --data otb:{LONG}", "File name too long"),
    ("evaluate --data otb:clip.mp4", "clip.mp4"),
    (f"{TRAIN} --data clicks:none", "there is no folder none"),
    (f"{TRAIN} --data clicks:own/a", "own/a holds no data; expected <video>/clicks.csv"),
    (f"{TRAIN} --data otb:otb", "unknown split of otb:otb 'train'"),
    (f"{TRAIN} --init none.pth", "none.pth"),
    (f"{TRAIN} --init /dev/zero", "no regular file"),
    (f"train {TINY} --init page.ipynb --out o", "holds no weights"),
    (f"{TRAIN} --judge none", "no video to judge by"),
    ("book run none.ipynb out.ipynb", "no notebook 'none.ipynb'"),
    ("book run clip.mp4 out.ipynb", "clip.mp4 is no notebook"),
    ("book run page.ipynb out.ipynb -p rat=1", "unknown parameter|did you mean 'rate'"),
    ("book run page.ipynb out.ipynb -p rate=many", "must be float"),
    ("book run page.ipynb out.ipynb -p rate=.nan", "must be float"),
    ("book run page.ipynb out.ipynb -p rate=1e999", "must be float"),
    ("book run page.ipynb out.ipynb -p rate=[1]", "must be float"),
    ("book run page.ipynb out.ipynb -p rate", "name=value"),
    # where to write
    (f"{TRACK} .", ". is a folder"),
    (f"{TRACK} /dev/null", "/dev/null is no regular file"),
    (f"{TRACK} /dev/stdout", "/dev/stdout is no regular file"),
    (f"{TRACK} {LONG}", "too long"),
    (f"{TRACK} /proc/none/b.txt", "cannot write /proc/none"),
    (f"{TRACK} clip.mp4/b.txt", "cannot write clip.mp4/"),
    (f"{TRACK} b --render c.gif", "c.gif|.mp4"),
    (f"{TRACK} b --render v", "v is a folder"),
    (f"{TRACK} clip.mp4", "clip.mp4 would hold text"),
    (f"{TRACK} v/1.png", "v/1.png would hold text"),
    (f"{TRACK} b.png --render-start b.png", "b.png would hold text"),
    ("track --frames clip.mp4 --init 1,2,3,4 --out b.txt --render clip.mp4", "clip.mp4 is the file that is read"),
    ("top --image v/1.png --point 1,2 --out v/1.png", "v/1.png is the file that is read"),
    (f"{TRACK} b --render-start c.jpg", "c.jpg|.png"),
    ("top --image v/1.png --point 1,2 --out x.jpg", "x.jpg|.png"),
    ("compare --frames v --init 1,2,3,4 --out c.txt", "c.txt|.html"),
    ("weights 3f2a --out /dev/stdout", "/dev/stdout is no regular file"),
    ("train --protocol smoke --out ''", "the current folder"),
    ("train --protocol smoke --out .", "the current folder"),
    (f"train --protocol smoke --method mil --out {LONG}", "too long"),
    ("train --protocol smoke --method mil --out clip.mp4", "clip.mp4"),
    ("train --protocol smoke --method mil --out /dev/null", "/dev/null"),
    ("book run page.ipynb out.txt", "expected the name of a notebook"),
    ("book run page.ipynb /", "expected the name of a notebook"),
    ("book run page.ipynb v", "expected the name of a notebook"),
]

VALUES = {  # of parameters, by method, none of which is one
    "socl-siam": {
        "eta": "0 2 .nan .inf null [0.1] x", "lr": "1e999 -1 0", "tau": "0", "steps": "-1 1.5 [3]",
        "batch": "1 99999999", "threads": "0 100000", "width": "0 1e9", "scales": "0 1000000", "crop": "254 100000",
        "zoom": "1", "share": "0 1.1", "videos": "0", "frames": "0", "test_videos": "0", "test_frames": "-3",
        "test": "", "data": "", "seed": f"-1 {2**64} a", "optimiser": "adam", "init": "[]", "background": "1",
    },
    "box-siam": {"radius": "0 1e308", "crop": "127", "labelled": "0 2", "boxed": "some"},
    "transt": {
        "backbone": "alexnet", "dim": "1000000 12", "layers": "10000000 0", "search_size": "1000000 65",
        "attention_heads": "3", "dropout": "1", "hidden": "999999",
    },
}  # fmt: skip
CASES += [
    (f"{TRAIN} --method {method} --set '{name}={value}'", name)
    for method, names in VALUES.items() for name, values in names.items() for value in values.split() or [""]
] + [
    (f"{TRAIN} --set eta=2020-13-45", "is no value"),
    (f"{TRAIN} --set eta=true", "eta is no switch"),
    (f"{TRAIN} --set split=banana", "unknown split of composite 'banana'"),
    (f"{TRAIN} --set eta={5000 * '['}", "is no value"),
    (f"{TRAIN} --set 'eta=!!python/object/apply:os.system [touch mark]'", "is no value"),
    (f"{TRAIN} --method mil --set lr=1", "unknown parameter of mil 'lr'"),
    (f"{TRAIN} --method transt --set dim=4096 --set layers=64 --set hidden=65536", "parameters, expected at most"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "rest"), [(command, rest) for command, *rest in CASES])
def test_a_mistake_exits_with_2_and_names_what_was_expected(bare, command, rest):
    if "cuda" in command and pytest.importorskip("torch").cuda.is_available():
        pytest.skip("CUDA is available here")
    words, written = [*rest, ""][:2]
    check(bare, command, words, written=written)


def test_the_program_has_a_last_net(bare, monkeypatch):
    """What nobody has foreseen is one line too, with the traceback in a file."""

    def fault(*_):
        raise ZeroDivisionError("a fault\nof two lines")

    monkeypatch.setattr("socl_core.runs.store.all_runs", fault)
    said = socl("status", cwd=bare)
    assert said.returncode == 1 and len(said.stderr.splitlines()) == 1
    file = said.stderr.strip().rpartition(" ")[2]
    assert "in all_runs" not in said.stderr and "ZeroDivisionError" in Path(file).read_text()
    monkeypatch.setattr("socl_core.runs.store.all_runs", lambda: bytearray(1 << 62))
    assert "not enough memory" in socl("status", cwd=bare).stderr
