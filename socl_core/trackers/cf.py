"""Correlation filter tracking: a filter over backbone features, learned online from the frames tracked so far.

Which filter the paper uses is unknown; this one is a reconstruction [R] in the family of MOSSE, ECO and ATOM.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from socl_core.errors import known
from socl_core.geometry import EXEMPLAR
from socl_core.models.device import Compute
from socl_core.trackers.search import CropTracker, Pyramid, View


@dataclass(frozen=True, kw_only=True)
class CfOptions(Pyramid):
    """Settings of the filter and of its search; chosen on dev splits.

    search: side of the search crop in pixels, of which EXEMPLAR show the target with its context. sigma: of the
    Gaussian label, in cells. regularisation: None for that of the solver. rate: weight of the newest frame.
    memory: samples kept. kernel, iterations: side of the filter in cells and steps a frame ("cg" only).
    """

    solver: str = "cg"
    search: int = 257
    sigma: float = 0.75
    regularisation: float | None = None
    rate: float = 0.02
    memory: int = 20
    kernel: int = 3
    iterations: int = 5
    scale_penalty: float = 0.99
    upsampling: int = 16


class SampleMemory:
    """Samples x_j, labels y_j and weights a_j that sum to 1; the first sample is kept, then the newest.

    capacity: how many, 2 or more: the first and the newest. Raises `ValueError` below that.
    """

    def __init__(self, capacity: int, rate: float):
        if capacity < 2:
            raise ValueError(f"a memory keeps the first and the newest sample: capacity 2 or more, found {capacity}")
        self.capacity, self.rate = capacity, rate
        self.samples = self.labels = self.weights = None

    def add(self, sample: torch.Tensor, label: torch.Tensor) -> None:
        """Adds a sample (C, ...) with its label; it weighs `rate`, the older ones as before in all the rest.

        At a rate of zero the first sample stays the only one.
        """
        if self.samples is None:
            self.samples, self.labels, self.weights = sample[None], label[None], sample.real.new_ones(1)
            return
        if self.rate == 0:
            return
        keep = [i for i in range(len(self.weights)) if i != 1 or len(self.weights) < self.capacity]
        old = self.weights[keep]
        self.samples = torch.cat([self.samples[keep], sample[None]])
        self.labels = torch.cat([self.labels[keep], label[None]])
        self.weights = torch.cat([old * (1 - self.rate) / old.sum(), old.new_tensor([self.rate])])


class Filter:
    """A filter with a memory. Subclasses say how it is solved, and by which regularisation if none is asked for.

    learn(features (C, H, W), label (H, W)) takes in a sample; respond(features (B, C, H, W)) gives (B, H, W).
    """

    regularisation: float

    def __init__(self, options: CfOptions):
        self.memory, self.options, self.filter = SampleMemory(options.memory, options.rate), options, None
        if options.regularisation is not None:
            self.regularisation = options.regularisation


class FourierFilter(Filter):
    """The filter that minimises, with circular correlation *, over the samples of a memory

        sum_j a_j |sum_c f_c * x_jc - y_j|^2 + regularisation * sum_c |f_c|^2

    exactly: each frequency is a ridge regression of its own, solved in its dual, of the memory's size. [R]
    With one sample it is the multi-channel filter of DSST (Danelljan et al., 2014).
    """

    regularisation = 30.0

    def learn(self, features: torch.Tensor, label: torch.Tensor) -> None:
        self.memory.add(torch.fft.rfft2(features), torch.fft.rfft2(label))
        x = self.memory.samples.permute(2, 3, 0, 1)  # H, W', samples, C
        y = self.memory.labels.permute(1, 2, 0)[..., None]
        gram = x @ x.mH + torch.diag(self.regularisation / self.memory.weights)
        self.filter = (x.mH @ torch.linalg.solve(gram, y))[..., 0]  # H, W', C

    def respond(self, features: torch.Tensor) -> torch.Tensor:
        response = torch.einsum("bchw,hwc->bhw", torch.fft.rfft2(features), self.filter)
        return torch.fft.irfft2(response, s=features.shape[-2:])


class GradientFilter(Filter):
    """A small filter in the spatial domain that minimises the same sum, with zeros instead of the circular border.

    Conjugate gradient from the last frame's filter, a few steps a frame, as ECO and ATOM do. [R]
    """

    regularisation = 0.1

    def learn(self, features: torch.Tensor, label: torch.Tensor) -> None:
        self.memory.add(features, label)
        steps, size = self.options.iterations, self.options.kernel
        if self.filter is None:
            self.filter, steps = features.new_zeros(1, len(features), size, size), 10 * steps
        residual = self._adjoint(self.memory.labels) - self._normal(self.filter)
        direction, energy = residual, residual.square().sum()
        for _ in range(steps):
            if energy < 1e-12:
                return
            image = self._normal(direction)
            length = energy / (direction * image).sum()
            self.filter, residual = self.filter + length * direction, residual - length * image
            energy, before = residual.square().sum(), energy
            direction = residual + energy / before * direction

    def respond(self, features: torch.Tensor) -> torch.Tensor:
        return F.conv2d(features, self.filter, padding=self.options.kernel // 2)[:, 0]

    def _normal(self, filter: torch.Tensor) -> torch.Tensor:
        """(sum_j a_j X_j^T X_j + regularisation) f."""
        responses = F.conv2d(self.memory.samples, filter, padding=self.options.kernel // 2)[:, 0]
        return self._adjoint(responses) + self.regularisation * filter

    def _adjoint(self, responses: torch.Tensor) -> torch.Tensor:
        """sum_j a_j X_j^T r_j: the gradient of a correlation by its filter."""
        weighted = (self.memory.weights[:, None, None] * responses)[:, None]
        shape = (1, self.memory.samples.shape[1], self.options.kernel, self.options.kernel)
        return torch.nn.grad.conv2d_weight(self.memory.samples, shape, weighted, padding=self.options.kernel // 2)


SOLVERS = {"closed": FourierFilter, "cg": GradientFilter}


def gaussian_label(size: int, centre: np.ndarray, sigma: float) -> torch.Tensor:
    """Label (size, size): a Gaussian of height 1 at `centre` (x, y), in cells from the middle."""
    axis = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    x, y = (torch.exp(-((axis - float(c)) ** 2) / (2 * sigma**2)) for c in centre)
    return torch.outer(y, x)


def upsample(response: torch.Tensor, factor: int) -> torch.Tensor:
    """Trigonometric interpolation of responses (B, H, H): (B, factor H, factor H), sample 0 on cell 0."""
    size = response.shape[-1]
    coded = torch.fft.fftshift(torch.fft.fft2(response), (-2, -1))
    before = factor * size // 2 - size // 2
    after = factor * size - size - before
    padded = torch.fft.ifftshift(F.pad(coded, (before, after, before, after)), (-2, -1))
    return torch.fft.ifft2(padded).real * factor**2


class CfTracker(CropTracker):
    """init(image, box), then update(image) -> box. Images BGR uint8, boxes x, y, w, h.

    The search crops of all scales go through the backbone as one batch; the features of the best scale are the
    next sample, with their label at the place where the target was found, so that none is computed twice.
    """

    def __init__(self, backbone: torch.nn.Module, compute: Compute, options: CfOptions = CfOptions()):  # noqa: B008
        super().__init__(backbone, compute)
        self.options, self.solver = options, SOLVERS[known("solver", options.solver, SOLVERS)]
        cells = self.grid.cells(self.grid.centred(options.search))
        hann = torch.from_numpy(np.hanning(cells + 2)[1:-1]).float()
        self.window = torch.outer(hann, hann).to(compute.device)
        self.penalties = torch.from_numpy(options.penalties).to(self.window)

    def init(self, image: np.ndarray, box) -> None:
        self.start(image, box)
        self.filter = self.solver(self.options)
        self._learn(self._samples(image, [1.0])[0], np.zeros(2))

    def update(self, image: np.ndarray) -> np.ndarray:
        samples = self._samples(image, self.options.factors)
        responses = self.filter.respond(samples)
        best, cells = self._peak(responses)
        self._learn(samples[best], cells)
        step = float(self.grid.stride * self.side * self.options.factors[best] / EXEMPLAR)
        self.view = View(samples[best], responses[best], self.centre, step)
        return self.move(image, cells * step, self.options.growth(best))

    def _samples(self, image: np.ndarray, factors) -> torch.Tensor:
        """Windowed features (B, C, H, W) at some scales, of unit energy a cell."""
        sides = self.side * self.options.search / EXEMPLAR * np.asarray(factors)
        features = self.features(image, sides, self.options.search).float()
        features = features * self.window
        return features / features.square().sum(1).mean((1, 2)).clamp(min=1e-12).sqrt()[:, None, None, None]

    def _learn(self, sample: torch.Tensor, cells: np.ndarray) -> None:
        self.filter.learn(sample, gaussian_label(sample.shape[-1], cells, self.options.sigma).to(sample))

    def _peak(self, response: torch.Tensor) -> tuple[int, np.ndarray]:
        """Index of the best scale, and its peak (x, y) in cells from the middle of the search crop."""
        fine = upsample(response, self.options.upsampling)
        best = int(torch.argmax(fine.amax((1, 2)) * self.penalties))
        y, x = divmod(int(torch.argmax(fine[best])), fine.shape[-1])
        return best, np.array([x, y]) / self.options.upsampling - (response.shape[-1] - 1) / 2
