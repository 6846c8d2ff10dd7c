"""The size of a target by a correlation filter along scales. (Danelljan et al., DSST, 2014)"""

import numpy as np
import torch

from socl_core.trackers.filters import gaussian, vertex

SIGMA = 1.03  # of the label, in scales
REGULARISATION = 0.01


class ScaleFilter:
    """A filter over features z (S, D) of the target at S scales, one value of each of D features a scale:

        f_d = sum_t a_t conj(Z_td) Y / (sum_t a_t sum_d |Z_td|^2 + regularisation)

    with weights a_t that fall by the rate, Z the transform of z along the scales, and Y that of a Gaussian. What all
    scales have in common, and the window over them, hold the response to the middle: the size goes a part of the way
    a frame, which is steadier.

    factors: the scales. step: factor between two of them. rate: weight of the newest frame.
    """

    def __init__(self, count: int, step: float, rate: float):
        self.count, self.step, self.rate, self.numerator = count, step, rate, None
        self.factors = step ** (np.arange(count) - count // 2)
        self.label = torch.fft.fft(gaussian(count, 0.0, SIGMA))[:, None]
        self.window = torch.hann_window(count + 2, periodic=False)[1:-1, None]

    def learn(self, features: torch.Tensor) -> None:
        """Takes in features (S, ...) of the target at the scales `factors` of its size."""
        coded = self._code(features)
        numerator, energy = coded.conj() * self.label.to(coded), coded.abs().square().sum(1)
        if self.numerator is None:
            self.numerator, self.energy = numerator, energy
        self.numerator = torch.lerp(self.numerator, numerator, self.rate)
        self.energy = torch.lerp(self.energy, energy, self.rate)

    def find(self, features: torch.Tensor) -> float:
        """Factor on the size at which the response to features (S, ...) is highest, by a parabola through three."""
        coded = (self.numerator * self._code(features)).sum(1) / (self.energy + REGULARISATION)
        response = torch.fft.ifft(coded).real.tolist()
        best = int(np.argmax(response))
        exponent = best - self.count // 2
        if 0 < best < self.count - 1:
            exponent += vertex(*response[best - 1 : best + 2])
        return self.step**exponent

    def _code(self, features: torch.Tensor) -> torch.Tensor:
        flat = features.flatten(1)
        return torch.fft.fft(flat / flat.norm().clamp(min=1e-12) * self.window.to(flat), dim=0)
