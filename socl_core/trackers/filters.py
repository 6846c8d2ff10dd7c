"""The correlation filter of SoCL-CF, the samples that it learns from, and where its response is highest. [R]"""

import numpy as np
import torch
import torch.nn.functional as F


class SampleMemory:
    """Samples x_j, labels y_j and weights a_j that sum to 1. Where there is no room, the two most alike become one.

    So the samples stay spread over all that was seen, however long one view lasts. (Danelljan et al., ECO, 2017)
    capacity: how many, 1 or more. rate: weight of the newest.
    """

    def __init__(self, capacity: int, rate: float):
        self.capacity, self.rate, self.samples = capacity, rate, None

    def add(self, sample: torch.Tensor, label: torch.Tensor) -> None:
        """Adds a sample (C, H, W) with its label (H, W); it weighs `rate`, the older ones as before in all the rest.

        At a rate of zero the first sample stays the only one.
        """
        if self.samples is None:
            self.samples, self.labels, self.weights = sample[None], label[None], sample.new_ones(1)
        elif self.rate > 0:
            self.samples = torch.cat([self.samples, sample[None]])
            self.labels = torch.cat([self.labels, label[None]])
            self.weights = torch.cat([self.weights * (1 - self.rate), self.weights.new_tensor([self.rate])])
            if len(self.weights) > self.capacity:
                self._merge()

    def _merge(self) -> None:
        """Puts the weighted mean of the two samples of the highest cosine in the place of both."""
        flat = F.normalize(self.samples.flatten(1))
        alike = (flat @ flat.T).fill_diagonal_(-2)
        first, second = sorted(divmod(int(alike.argmax()), len(flat)))
        share = self.weights[second] / (self.weights[first] + self.weights[second])
        for values in (self.samples, self.labels):
            values[first] = torch.lerp(values[first], values[second], share)
        self.weights[first] += self.weights[second]
        keep = [i for i in range(len(flat)) if i != second]
        self.samples, self.labels, self.weights = self.samples[keep], self.labels[keep], self.weights[keep]


class Filter:
    """The filter f that minimises, with circular convolution *, over the samples of a memory

        sum_j a_j |sum_c f_c * x_jc - y_j|^2 + regularisation * sum_c |f_c|^2

    among those that are zero outside of a rectangle, the target with some context, so that it cannot learn the rest of
    a large search region by heart. (Galoogahi et al., BACF, 2017) Conjugate gradients go on from the last filter, and
    have their products in the Fourier domain.

    support: width and height of the rectangle in cells. regularisation: in units of the mean energy of a cell.
    """

    def __init__(self, memory: SampleMemory, support, regularisation: float):
        self.memory, self.support, self.regularisation, self.filter = memory, support, regularisation, None

    def solve(self, steps: int) -> None:
        """So many steps of conjugate gradients for the present memory."""
        samples, labels = torch.fft.rfft2(self.memory.samples), torch.fft.rfft2(self.memory.labels)
        weights, size = self.memory.weights[:, None, None], self.memory.samples.shape[-2:]
        if self.filter is None:
            self.filter = torch.zeros_like(self.memory.samples[0])
            self.mask = rectangle(size, self.support).to(self.filter)

        def adjoint(responses):  # sum_j a_j x_j^T r_j, from (J, H, W') to (C, H, W)
            return torch.fft.irfft2((samples.conj() * (weights * responses)[:, None]).sum(0), s=size) * self.mask

        def normal(filter):
            return adjoint((samples * torch.fft.rfft2(filter)).sum(1)) + self.regularisation * filter

        residual = adjoint(labels) - normal(self.filter)
        direction, energy = residual, residual.square().sum()
        for _ in range(steps):
            if energy < 1e-12:
                break
            image = normal(direction)
            length = energy / (direction * image).sum()
            self.filter, residual = self.filter + length * direction, residual - length * image
            energy, before = residual.square().sum(), energy
            direction = residual + energy / before * direction

    def respond(self, sample: torch.Tensor) -> torch.Tensor:
        """Response (H, W) to a sample (C, H, W) of the size that it has learnt from, or of a larger one."""
        (height, width), size = self.filter.shape[-2:], sample.shape[-2:]
        # The filter lies about cell 0, around the border; so it does in a larger map.
        room = F.pad(self.filter.roll((height // 2, width // 2), (1, 2)), (0, size[1] - width, 0, size[0] - height))
        coded = torch.fft.rfft2(room.roll((-(height // 2), -(width // 2)), (1, 2)))
        return torch.fft.irfft2((torch.fft.rfft2(sample) * coded).sum(0), s=size)


def rectangle(size, support) -> torch.Tensor:
    """1 on the cells (H, W) at most half of `support` (width, height) away from cell 0, around the border; else 0."""
    rows, columns = (torch.fft.fftfreq(count, 1 / count).abs() for count in size)
    return torch.outer((rows <= support[1] / 2).float(), (columns <= support[0] / 2).float())


def gaussian(count: int, centre: float, sigma: float) -> torch.Tensor:
    """exp(-(i - centre)^2 / 2 sigma^2) for i from the middle of `count` cells: (count,)."""
    axis = torch.arange(count, dtype=torch.float32) - (count - 1) / 2
    return torch.exp(-((axis - centre) ** 2) / (2 * sigma**2))


def peak(response: torch.Tensor) -> np.ndarray:
    """Where a response (H, W) is highest: x, y in cells from its middle.

    Along each axis it is the vertex of the parabola through the highest cell and its two neighbours.
    """
    row, column = divmod(int(response.argmax()), response.shape[1])
    lines = ((response[row], column), (response[:, column], row))
    return np.array([best + vertex(*line.roll(1 - best)[:3].tolist()) - (len(line) - 1) / 2 for line, best in lines])


def vertex(below: float, top: float, above: float) -> float:
    """Place in -.5 .. .5 of the vertex of a parabola by its values at -1, 0, 1, of which that at 0 is the highest."""
    return 0.5 * (below - above) / min(below - 2 * top + above, -1e-9)
