"""Template use: networks that look at their template, and ones that do not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny import CPU

from socl_book.template_use import template_use
from socl_core.data.sequence import Sequence

COLOURS = ((230, 20, 20), (20, 230, 20), (20, 20, 230))


class Fake(torch.nn.Module):
    """Tokens are mean colours of cells of 8 pixels; a cell is the target by its colour, or by not being grey."""

    def __init__(self, looks: bool):
        super().__init__()
        self.looks = looks

    def tokens(self, images):
        return F.avg_pool2d(images, 8).flatten(2).transpose(1, 2), None

    def match(self, template, search):
        side = round(template[0].shape[1] ** 0.5)
        middle = template[0][:, side * (side // 2) + side // 2]
        wanted = (search[0] - middle[:, None]).norm(dim=-1) < 150  # cells in corners are mostly grey
        salient = (search[0] - 90).norm(dim=-1) > 40
        score = (wanted if self.looks else salient).float() * 20 - 10
        return torch.stack([score, -score], -1), None


def squares():
    """One coloured square a video, moving over grey; in its second frame it is not there, nor annotated."""
    for colour in COLOURS:
        frames, boxes = [], np.array([[40.0 + 4 * i, 30, 20, 20] for i in range(4)])
        for i, (x, y, w, h) in enumerate(boxes.astype(int)):
            frame = np.full((90, 120, 3), 90, np.uint8)
            if i != 1:
                frame[y : y + h, x : x + w] = colour
            frames.append(frame)
        valid = np.array([True, False, True, True])
        yield Sequence(str(colour), frames, boxes[:, :2] + 9.5, boxes, valid)


@pytest.mark.parametrize("looks, expected", [(True, (1, 0)), (False, (1, 1))])
def test_only_a_network_that_looks_scores_less_with_another_template(looks, expected):
    found = template_use(Fake(looks), 96, list(squares()), CPU)
    assert list(found) == [str(colour) for colour in COLOURS]
    for score in found.values():
        np.testing.assert_allclose([score["template_own"], score["template_other"]], expected, atol=1e-3)


def test_a_video_alone_and_one_without_annotation_have_no_score():
    first, second, third = squares()
    assert template_use(Fake(True), 96, [first], CPU) == {}
    hidden = replace(second, boxes=np.where(np.arange(4)[:, None], np.nan, second.boxes), valid=np.arange(4) == 0)
    assert list(template_use(Fake(True), 96, [first, hidden, third], CPU)) == [first.name, third.name]
