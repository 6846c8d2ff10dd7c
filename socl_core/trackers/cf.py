"""Correlation filter tracking: a filter over backbone features, learned online from the frames tracked so far.

Which filter the paper uses is unknown; this one is a reconstruction [R] in the family of SRDCF, BACF and ECO: shallow
features say where, deep ones what; one filter over all, no larger than the target with some context; samples spread
over time; the size by a filter of its own.
"""

from typing import Annotated, NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, Field

from socl_core.geometry import EXEMPLAR, Grid, crop, resample
from socl_core.models.device import Compute
from socl_core.trackers.filters import Filter, SampleMemory, gaussian, peak
from socl_core.trackers.lockstep import Steps
from socl_core.trackers.scale import ScaleFilter
from socl_core.trackers.search import CropTracker, View

SEARCH = 257  # pixels of a search crop, of which EXEMPLAR show the target with its context
WIDE_SEARCH = 513  # pixels of the crop that is searched after a loss
CELL = 8  # pixels between two cells of the grid on which all stages are put together
SCALE_PIXELS, SCALE_STAGE = 48, 1  # of the pictures that tell the size, and the stage that looks at them


class Stage(NamedTuple):
    """Features that the filter sees: a stage of the backbone, its channels left by their main axes, and its weight."""

    number: Annotated[int, Field(ge=0, le=4)]
    channels: Annotated[int, Field(ge=1)]
    weight: Annotated[float, Field(gt=0)]


class CfOptions(BaseModel):
    """Parameters of the filters, chosen on development data."""

    filter_stages: tuple[Stage, ...] = Field(
        (Stage(1, 16, 1.0), Stage(2, 24, 1.0), Stage(4, 24, 0.5)),
        min_length=1,
        description="of the backbone that the filter sees: number, channels kept, weight",
    )
    filter_support: float = Field(1.5, gt=0, description="sides of the filter in those of the target")
    filter_sigma: float = Field(0.08, gt=0, description="of the filter's label, in sides of the target")
    filter_ridge: float = Field(0.03, gt=0, description="weight of the filter's squares in its regression")
    filter_rate: float = Field(0.02, ge=0, lt=1, description="weight of the newest sample of the filter")
    filter_memory: int = Field(20, ge=1, description="samples that the filter keeps")
    learn_every: int = Field(5, ge=1, description="frames from one sample to the next")
    filter_iterations: int = Field(5, ge=1, description="conjugate gradients a sample; ten times as many for the first")
    lost_below: float = Field(
        0.3, ge=0, le=1, description="share of the mean peak so far, below which the target is lost"
    )
    found_above: float = Field(0.6, ge=0, description="share above which a peak in a larger search crop is the target")
    scales: int = Field(17, ge=1, le=99, description="of the target that the scale filter compares")
    scale_step: float = Field(1.03, gt=1, description="factor from one of these scales to the next")
    scale_rate: float = Field(0.025, ge=0, lt=1, description="weight of the newest frame in the scale filter")


class Projection:
    """The main axes of a stage's channels in the first frame, which keep what tells cells there apart."""

    def __init__(self, features: torch.Tensor, channels: int):
        values = features.flatten(1)
        self.mean = values.mean(1, keepdim=True)
        axes = torch.linalg.eigh((values - self.mean) @ (values - self.mean).T).eigenvectors  # ascending
        self.axes = axes[:, -channels:].T

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Features (C, H, W) along these axes, from their mean in the first frame: (channels, H, W)."""
        return (self.axes @ (features.flatten(1) - self.mean)).unflatten(1, features.shape[1:])


class CfTracker(CropTracker):
    """init(image, box), then update(image) -> box. Images BGR uint8, boxes x, y, w, h.

    A frame costs one search crop through the backbone for the place, and small pictures of the target at all scales
    through its first layers for the size. The features of the search crop are the next sample, with their label where
    the target was found.
    """

    def __init__(self, backbone: torch.nn.Module, compute: Compute, options: CfOptions = CfOptions()):  # noqa: B008
        super().__init__(backbone, compute)
        self.options, self.last = options, max(stage.number for stage in options.filter_stages)
        hann = torch.hann_window(SEARCH // CELL + 3, periodic=False, device=compute.device)[1:-1]
        self.window = torch.outer(hann, hann)

    def begin(self, image: np.ndarray, box) -> Steps:
        self.start(image, box)
        options, outputs = self.options, (yield from self._outputs(image, SEARCH))
        self.projections = [Projection(outputs[stage.number], stage.channels) for stage in options.filter_stages]
        target = self.target * EXEMPLAR / self.side / CELL  # width and height in cells
        self.sigma = options.filter_sigma * float(np.sqrt(target.prod()))
        memory = SampleMemory(options.filter_memory, options.filter_rate)
        self.filter = Filter(memory, target * options.filter_support, options.filter_ridge)
        self._learn(self._sample(outputs), np.zeros(2), 10 * options.filter_iterations)
        self.frame, self.mean_peak = 0, 0.0
        self.scale = ScaleFilter(options.scales, options.scale_step, options.scale_rate)
        self.scale.learn((yield from self._sizes(image)))

    def follow(self, image: np.ndarray) -> Steps:
        sample, response = yield from self._search(image)
        if response.max() < self.options.lost_below * self.mean_peak and (yield from self._look_further(image)):
            sample, response = yield from self._search(image)
        self.frame += 1
        self.mean_peak += (float(response.max()) - self.mean_peak) / self.frame
        cells = peak(response)
        self._move_cells(image, cells)
        box = self.move(image, np.zeros(2), self.scale.find((yield from self._sizes(image))))
        self.scale.learn((yield from self._sizes(image)))
        if self.frame % self.options.learn_every == 0:
            self._learn(sample, cells, self.options.filter_iterations)
        return box

    def _search(self, image: np.ndarray) -> Steps:
        """The sample about the last place, with the response to it."""
        outputs = yield from self._outputs(image, SEARCH)
        sample = self._sample(outputs)
        response = self.filter.respond(sample)
        features = place(outputs[-1], self.extractor.network.stage_grids[self.last], len(response))
        self.view = View(features, response, self.centre, CELL * self.side / EXEMPLAR)
        return sample, response

    def _look_further(self, image: np.ndarray) -> Steps:
        """Goes to where the target seems to be in a larger crop, of the same scale; returns if it is anywhere there."""
        outputs = yield from self._outputs(image, WIDE_SEARCH)
        response = self.filter.respond(self._sample(outputs, WIDE_SEARCH))
        found = bool(response.max() > self.options.found_above * self.mean_peak)
        if found:
            self._move_cells(image, peak(response))
        return found

    def _move_cells(self, image: np.ndarray, cells: np.ndarray) -> None:
        self.move(image, cells * CELL * self.side / EXEMPLAR, 1.0)

    def _learn(self, sample: torch.Tensor, cells: np.ndarray, steps: int) -> None:
        """Takes in a sample whose target is at `cells` (x, y) from the middle, and solves the filter again."""
        x, y = (gaussian(sample.shape[-1], centre, self.sigma).to(sample) for centre in cells)
        self.filter.memory.add(sample, torch.outer(y, x))
        self.filter.solve(steps)

    def _outputs(self, image: np.ndarray, pixels: int) -> Steps:
        """Outputs (C, h, w) of the backbone's stages for a crop of so many pixels around the target."""
        size = self.grid.centred(pixels)
        picture = crop(image, self.centre, self.side * size / EXEMPLAR, size, self.fill)
        return [output[0] for output in (yield from self.stages([picture], self.last))]

    def _sample(self, outputs: list[torch.Tensor], pixels: int = SEARCH) -> torch.Tensor:
        """What the filter sees (C, cells, cells) of a crop.

        Each stage has its weight as mean energy, after the Hann window. In a larger crop the target may be anywhere:
        it has no window, and the energies of the search crop before it.
        """
        parts = []
        for stage, project in zip(self.options.filter_stages, self.projections):
            grid = self.extractor.network.stage_grids[stage.number]
            parts.append(place(project(outputs[stage.number]), grid, pixels // CELL + 1))
        if pixels == SEARCH:
            parts = [part * self.window for part in parts]
            self.energies = [part.square().sum(0).mean().clamp(min=1e-12) for part in parts]
        weights = [stage.weight / energy.sqrt() for stage, energy in zip(self.options.filter_stages, self.energies)]
        return torch.cat([weight * part for weight, part in zip(weights, parts)])

    def _sizes(self, image: np.ndarray) -> Steps:
        """Features (S, C, h, w) of the target at the scales of the scale filter, its box stretched to a square."""
        pictures = []
        for factor in self.scale.factors:
            steps = self.target * factor / SCALE_PIXELS
            warp = np.column_stack([np.diag(steps), self.centre - (SCALE_PIXELS - 1) / 2 * steps])
            flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (SCALE_PIXELS, SCALE_PIXELS)
            pictures.append(cv2.warpAffine(image, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
        return (yield from self.stages(pictures, SCALE_STAGE))[-1]


def place(features: torch.Tensor, grid: Grid, cells: int) -> torch.Tensor:
    """Features (C, h, w) of a stage, put on the filter's grid: (C, cells, cells). Both have the same middle."""
    features = features[None]
    if grid.stride < CELL:
        features = F.avg_pool2d(features, 3, 1, padding=1, count_include_pad=False)
    offsets = CELL * (torch.arange(cells, device=features.device) - (cells - 1) / 2)
    unchanged = {"zoom": features.new_ones(1), "shift": features.new_zeros(1, 2)}
    return resample(features, offsets, grid.stride * features.shape[-1], **unchanged)[0]
