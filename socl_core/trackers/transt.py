"""TransT tracking: the box of the best cell of a search crop around the last box."""

import cv2
import numpy as np
import torch

from socl_core.geometry import box_centres, boxes_at, context_side, crop, fractions_to_frame
from socl_core.models.device import Compute
from socl_core.models.transt import TransT
from socl_core.trackers.lockstep import AskingTracker, Request, Steps
from socl_core.trackers.search import check_box


class Matcher:
    """TransT as trackers use it: without gradients, in the precision of the machine."""

    def __init__(self, network: TransT, compute: Compute):
        self.network, self.compute = network.eval(), compute

    def tokens(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, L, C) of BGR uint8 pictures (B, H, W, 3), and their positions, the same for each picture."""
        with self.compute.autocast():
            tokens, places = self.network.tokens(self.compute.images(pictures.permute(0, 3, 1, 2)))
        return tokens, places.expand(len(tokens), -1, -1)

    def match(self, template, template_places, search, search_places) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores (B, L) of the cells of the search crop to lie on the target, and its box (B, L, 4) in fractions."""
        with self.compute.autocast():
            logits, boxes = self.network.match((template, template_places[0]), (search, search_places[0]))
        return logits.float().softmax(-1)[..., 0], boxes.float()


class TransTTracker(AskingTracker):
    """init(image, box), then update(image) -> box. Images BGR uint8, boxes x, y, w, h.

    The template shows twice the side of the target, square root of its area, and the search crop four times
    that of the last box. Context is measured as SiamFC measures it, as in the published code.
    search: pixels a side of the search crop; the template has half of it. window_influence: share of the
    Hann window in the score of a cell, .49 as published. size_rate: power of the size found over the last one
    that the target changes by, 1 as published; less steadies a network that was trained for a short time. [R]

    Attribute: `score` of the best cell of the last update, 0 to 1.
    """

    def __init__(
        self,
        network: TransT,
        compute: Compute,
        search: int = 256,
        window_influence: float = 0.49,
        size_rate: float = 1.0,
    ):
        self.matcher, self.search = Matcher(network, compute), search
        self.influence, self.size_rate = window_influence, size_rate

    def begin(self, image: np.ndarray, box) -> Steps:
        box = check_box(box, image)
        self.centre, self.target = box_centres(box), box[2:].copy()
        self.smallest = np.minimum(4.0, self.target)
        self.fill = cv2.mean(image)[:3]
        side = float(context_side(*self.target))
        self.template = yield from self._tokens(image, side, self.search // 2)

    def follow(self, image: np.ndarray) -> Steps:
        side = 2 * float(context_side(*self.target))
        tokens = yield from self._tokens(image, side, self.search)
        scores, boxes = yield Request(self.matcher.match, (*self.template, *tokens))
        score = scores[0].cpu().numpy()
        window = np.hanning(round(len(score) ** 0.5) + 2)[1:-1]
        best = np.argmax((1 - self.influence) * score + self.influence * np.outer(window, window).ravel())
        self.score = float(score[best])
        place, size = np.split(boxes[0, best].cpu().numpy().astype(np.float64), 2)  # fractions of the crop
        frame = np.array(image.shape[1::-1], np.float64)
        self.centre = np.clip(fractions_to_frame(place, self.centre, side), 0, frame - 1)
        self.target = np.clip(self.target * (size * side / self.target) ** self.size_rate, self.smallest, frame)
        return boxes_at(self.centre, self.target)

    def _tokens(self, image: np.ndarray, side: float, size: int) -> Steps:
        """Tokens (1, L, C) and positions of a crop of `size` pixels that shows `side` frame pixels."""
        picture = torch.from_numpy(crop(image, self.centre, side, size, self.fill))
        return (yield Request(self.matcher.tokens, (picture[None],)))
