"""SiamFC at its published width: this book's tracker beside a plain transcription of the public PyTorch version's.

    python bench/siamfc.py

Both have the same random weights, inner products and three scales, and follow the same target. Processor time of one
core; they take turns.
"""

import statistics

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from trackers import measure

from socl_core import data
from socl_core.models.alexnet import AlexNetV1
from socl_core.models.device import Compute
from socl_core.trackers.siam import SiamOptions, SiamTracker

FRAMES = 12
PLAIN = "plain transcription, float32"


class PlainSiamFC:
    """init(image, box), then update(image) -> box: float32, crops of whole pixels, every response enlarged. [SiamFC]"""

    scales, penalty, influence, rate, up = 1.0375 ** np.array([-1.0, 0, 1]), 0.9745, 0.176, 0.59, 272

    def __init__(self, network: torch.nn.Module):
        self.network = network.eval()
        hann = np.hanning(self.up)
        self.window = np.outer(hann, hann) / hann.sum() ** 2

    def init(self, image: np.ndarray, box) -> None:
        box = np.asarray(box, float)
        self.centre, self.target = box[:2] + (box[2:] - 1) / 2, box[2:]
        self.side = np.sqrt(np.prod(self.target + self.target.sum() / 2))
        self.fill = image.mean((0, 1))
        self.template = self.features(image, [self.side], 127)

    def update(self, image: np.ndarray) -> np.ndarray:
        sides = self.side * 255 / 127 * self.scales
        found = self.features(image, sides, 255)
        response = F.conv2d(found.reshape(1, -1, *found.shape[2:]), self.template.repeat(3, 1, 1, 1), groups=3)[0]
        size = (self.up, self.up)
        enlarged = np.stack([cv2.resize(each, size, interpolation=cv2.INTER_CUBIC) for each in response.numpy()])
        enlarged[[0, 2]] *= self.penalty
        best = int(enlarged.max((1, 2)).argmax())
        chosen = enlarged[best] - enlarged[best].min()
        chosen = (1 - self.influence) * chosen / (chosen.sum() + 1e-16) + self.influence * self.window
        y, x = np.unravel_index(chosen.argmax(), chosen.shape)
        cells = (np.array([x, y]) - (self.up - 1) / 2) / 16
        self.centre = self.centre + cells * 8 * sides[best] / 255
        growth = 1 - self.rate + self.rate * self.scales[best]
        self.target, self.side = self.target * growth, self.side * growth
        return np.concatenate([self.centre - (self.target - 1) / 2, self.target])

    def features(self, image: np.ndarray, sides, size: int) -> torch.Tensor:
        crops = [whole_pixels(image, self.centre, side, size, self.fill) for side in sides]
        with torch.no_grad():
            return self.network(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float())


def whole_pixels(image: np.ndarray, centre, side: float, size: int, fill) -> np.ndarray:
    """Crop (size, size, 3) of `side` frame pixels around `centre`, both rounded; outside of the image is `fill`."""
    side = round(float(side))
    corner = np.round(centre - (side - 1) / 2).astype(int)
    height, width = image.shape[:2]
    margin = max(0, *-corner, *(corner + side - (width, height)))
    if margin:
        image = cv2.copyMakeBorder(image, *[margin] * 4, cv2.BORDER_CONSTANT, value=fill)
    x, y = corner + margin
    return cv2.resize(image[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_LINEAR)


def compare_with_plain() -> dict:
    """Speed of each tracker, and how many times as fast as the transcription it is; how far boxes are apart."""
    torch.manual_seed(0)
    network, chosen = AlexNetV1().eval(), Compute.choose("cpu")
    makers = {PLAIN: lambda: PlainSiamFC(network)}
    for compute in dict.fromkeys((Compute(chosen.device, False), chosen)):  # one where bfloat16 is not fast
        for pyramid in ("search", "template"):
            options = SiamOptions(correlation="dot", pyramid=pyramid)
            name = f"ours, pyramid of {pyramid} crops, {'bfloat16' if compute.bf16 else 'float32'}"
            makers[name] = lambda compute=compute, options=options: SiamTracker(network, compute, options)
    sequence = data.load("composite", "dev", videos=1, frames=FRAMES)[0]
    frames, box = [sequence.frames[i] for i in range(len(sequence))], sequence.boxes[0]
    seconds = measure(makers, frames, box)
    plain, exact = (make() for make in list(makers.values())[:2])
    for tracker in (plain, exact):
        tracker.init(frames[0], box)
    apart = [float(np.abs(plain.update(image) - exact.update(image)).max()) for image in frames[1:]]
    return {
        "trackers": {
            name: {
                "fps": 1 / statistics.median(times),
                "times plain": statistics.median(first / own for first, own in zip(seconds[PLAIN], times)),
            }
            for name, times in seconds.items()
        },
        "pixels apart": {"median": statistics.median(apart), "most": max(apart)},
    }


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found = compare_with_plain()
    print(f"{Compute.choose('cpu').describe()}; AlexNetV1 at full width, random weights, processor time of one core")
    for name, speed in found["trackers"].items():
        print(f"{name:42}{speed['fps']:8.1f} fps{speed['times plain']:8.2f} x")
    print(
        "boxes in float32 are {median:.2f} pixels apart in the median, {most:.2f} at most".format(
            **found["pixels apart"]
        )
    )


if __name__ == "__main__":
    main()
