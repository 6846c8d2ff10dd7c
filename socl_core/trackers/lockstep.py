"""Several trackers at once: what each asks of the network is answered by one call for all.

A tracker that asks is written as steps (generators) that yield a `Request` and are sent its answer. So its code is that
of one tracker, and a batch is made of as many as there are.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np
import torch


class Request(NamedTuple):
    """A call that trackers may share: `function(*inputs, *options)`.

    inputs: tensors (B, ...), any B. options: plain values. The function gives a tensor, or a list or tuple of them,
    whose rows belong to those of the inputs. It must be the same object for all trackers that are to share a call:
    one that belongs to their network, not to their state.
    """

    function: Callable
    inputs: tuple[torch.Tensor, ...]
    options: tuple = ()

    def kind(self) -> tuple:
        """What two requests must have in common to be answered by one call."""
        return self.function, self.options, tuple(tensor.shape[1:] for tensor in self.inputs)


Steps = Generator[Request, Any, Any]


class AskingTracker:
    """`init` and `update` under the contract of `IdentityTracker`, from the steps `begin` and `follow`.

    A shallow copy before `init` is a tracker of its own on the same network.
    """

    def begin(self, image: np.ndarray, box) -> Steps:
        """Steps that start from a box of an image."""
        raise NotImplementedError

    def follow(self, image: np.ndarray) -> Steps:
        """Steps that return the box in the next image."""
        raise NotImplementedError

    def init(self, image: np.ndarray, box) -> None:
        answer([self.begin(image, box)])

    def update(self, image: np.ndarray) -> np.ndarray:
        return answer([self.follow(image)])[0]


def init_all(trackers: list, images: list[np.ndarray], boxes: list) -> None:
    """Starts each tracker on its image and box; trackers that ask are answered together."""
    if all(isinstance(tracker, AskingTracker) for tracker in trackers):
        answer([tracker.begin(image, box) for tracker, image, box in zip(trackers, images, boxes)])
    else:
        for tracker, image, box in zip(trackers, images, boxes):
            tracker.init(image, box)


def update_all(trackers: list, images: list[np.ndarray]) -> list[np.ndarray]:
    """The box of each tracker in its next image; trackers that ask are answered together."""
    if all(isinstance(tracker, AskingTracker) for tracker in trackers):
        return answer([tracker.follow(image) for tracker, image in zip(trackers, images)])
    return [tracker.update(image) for tracker, image in zip(trackers, images)]


@torch.inference_mode()
def answer(steps: list[Steps]) -> list:
    """What steps return, taken to their ends together: in each round, requests of one kind are one call."""
    returned, answers = [None] * len(steps), dict.fromkeys(range(len(steps)))
    while answers:
        requests = {}
        for number, found in answers.items():
            try:
                requests[number] = steps[number].send(found)
            except StopIteration as end:
                returned[number] = end.value
        answers = _answers(requests)
    return returned


def _answers(requests: dict[int, Request]) -> dict[int, Any]:
    """The answer to each request, by its tracker's number."""
    alike: dict[tuple, list[int]] = {}
    for number, request in requests.items():
        alike.setdefault(request.kind(), []).append(number)
    answers = {}
    for numbers in alike.values():
        function, inputs, options = requests[numbers[0]]
        if len(numbers) == 1:
            answers[numbers[0]] = function(*inputs, *options)
            continue
        inputs = [requests[number].inputs for number in numbers]
        found = function(*map(torch.cat, zip(*inputs)), *options)
        rows = [len(each[0]) for each in inputs]
        if isinstance(found, torch.Tensor):
            answers |= zip(numbers, found.split(rows))
        else:  # each output divided, then put together by tracker
            answers |= zip(numbers, zip(*(output.split(rows) for output in found)))
    return answers
