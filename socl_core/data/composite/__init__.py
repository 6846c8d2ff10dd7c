"""The embedded benchmark: videos composed of photographs that come with scikit-image and scikit-learn, and of drawn
textures.

A textured object moves, turns, bends and changes size and light over a moving background, among distractors (some with
the target's own texture) and behind occluders; in the long videos of dev it also leaves the frame. Annotation is exact:
boxes are tight around the target's amodal mask (as if nothing hid it) clipped to the image, and all 0 where it is out
of sight; points are box centres; a frame is valid when at least a fifth of the target is visible. Train, dev and test
share no photograph and no drawn texture. Videos are always the same, on another processor up to rounding.
"""

import hashlib
import io
import zlib
from collections.abc import Callable, Iterable
from collections.abc import Sequence as AbstractSequence
from functools import cache as cached
from functools import cached_property
from pathlib import Path

import numpy as np

from socl_core.data.composite.scene import SPLITS, VERSION, draw_scene
from socl_core.data.composite.textures import photograph_path
from socl_core.data.files import write_atomic
from socl_core.data.layout import Layout, Place, select
from socl_core.data.sequence import Sequence
from socl_core.errors import DataError
from socl_core.geometry import box_centres


class Composite(Layout):
    """The benchmark as a data set. It needs no folder: it is drawn when it is asked for."""

    splits = {name: name for name in SPLITS}
    scored = dict(dev="dev", test="test")
    site = "none, it is drawn from photographs that scikit-image and scikit-learn bring"

    def find(self, split: str) -> dict[str, Place]:
        """The videos of a split, each with the photograph that its target is cut from."""
        plan = SPLITS[split]
        paths = {name: photograph_path(name) for name in plan.photographs + plan.scenery}
        places = {}
        for number in range(plan.videos):
            path = paths[plan.photograph_of(number) or plan.photographs[0]]
            places[f"{split}_{number:03d}"] = Place(path.parent, path)
        return places

    def read(self, name: str, place: Place) -> Sequence:
        """A video of `find`."""
        split, _, number = name.rpartition("_")
        return draw_video(split, int(number))

    def load(
        self, split: str, names: Iterable[str] | None = None,
        videos: int | None = None, frames: int | None = None, cache: Path | None = None,
    ) -> list[Sequence]:  # fmt: skip
        """As of any layout. cache: a folder in which a video's frames are kept from when one of them is drawn."""
        chosen = list(select(self.find(split), names))[:videos]
        return [draw_video(split, int(name.rpartition("_")[2]), frames, cache) for name in chosen]

    def fault(self, *_) -> str:
        """Empty: what is drawn is whole."""
        return ""

    def missing(self) -> None:
        """None: the photographs come with packages."""

    def manifest(self, split: str) -> str:
        """The generator's version and a hash of the photographs: whatever changes the videos changes it."""
        return manifest()


LAYOUT = Composite


@cached
def manifest() -> str:
    """See `Composite.manifest`; it is that of all splits."""
    digest = hashlib.sha256()
    for name in sorted({name for plan in SPLITS.values() for name in plan.photographs + plan.scenery}):
        digest.update(f"{name} {hashlib.sha256(photograph_path(name).read_bytes()).hexdigest()}\n".encode())
    return f"composite-{VERSION}-{digest.hexdigest()[:16]}"


def draw_video(split: str, number: int, frames: int | None = None, cache: Path | None = None) -> Sequence:
    """A video of a split, or its first `frames` frames.

    Frames and masks are drawn when they are asked for; boxes, points and valid are ready.
    """
    plan, scene = SPLITS[split], draw_scene(split, number)
    times = [plan.stride * i for i in range(plan.frames_of(number))][:frames]
    boxes, valid = map(np.array, zip(*(scene.annotate(time) for time in times)))
    images = Drawn(scene.frame, times)
    if cache:
        images = Kept(images, cache / "frames" / f"{manifest()}_{split}_{number}x{len(times)}.npy")
    return Sequence(
        name=f"{split}_{number:03d}",
        frames=images,
        points=box_centres(boxes),
        boxes=boxes.astype(np.float64),
        valid=valid,
        masks=Drawn(scene.mask, times),
        others=Drawn(scene.others, times),
    )


class Drawn(AbstractSequence):
    """Arrays that `draw` makes on demand, one for each time step in `times`."""

    def __init__(self, draw: Callable[[int], np.ndarray], times: list[int]):
        self.draw, self.times = draw, times

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Drawn(self.draw, self.times[index])
        return self.draw(self.times[index])


class Kept(AbstractSequence):
    """Frames that are drawn once, and then read from a file."""

    def __init__(self, drawn: Drawn, path: Path):
        self.drawn, self.path = drawn, path

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, index):
        return np.array(self._stored[index])

    @cached_property
    def _stored(self) -> np.ndarray:
        if not self.path.exists():
            content, frames = io.BytesIO(), np.stack(list(self.drawn))
            np.save(content, frames)
            write_atomic(self.path, content.getvalue() + _checksum(frames))
        try:
            frames = np.load(self.path, mmap_mode="r")
            if np.fromfile(self.path, np.uint8, offset=frames.offset + frames.nbytes).tobytes() != _checksum(frames):
                raise ValueError("its checksum differs")
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{self.path} is damaged ({error}); delete it to have the frames drawn again") from error
        return frames


def _checksum(frames: np.ndarray) -> bytes:
    """CRC-32 of frames, which stands behind them in their file."""
    return zlib.crc32(frames).to_bytes(4, "big")
