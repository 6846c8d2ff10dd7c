"""The running example of the method pages is the first pair that a training sees."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from socl_book.example import running_example
from socl_core.methods.losses import socl_loss
from socl_core.methods.siam import socl_step
from socl_core.methods.soft_samples import global_soft_template, soft_negative_sample
from socl_core.methods.training import new_network
from socl_core.prior.objectness import objectness
from socl_core.prior.top import score_map
from socl_core.runs.spec import make_spec


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("example"))
        yield running_example(make_spec("smoke", "socl-siam", videos=3, frames=3))


def test_its_score_map_is_the_one_that_the_training_has_stored(example):
    scores = score_map(objectness(example.image, example.point), example.point, example.side)
    np.testing.assert_allclose(scores, example.scores, atol=2e-3)  # windows are kept as float16
    assert (example.point < example.image.shape[1::-1]).all()


def test_the_calls_of_the_pages_give_the_loss_of_step_0(example):
    spec, batches, batch = example.batches.spec, example.batches, example.batch
    with batches.compute.autocast():
        features = new_network(spec).train()(batches.crops(batch, spec.crop)).float()
    scores, top = batches.clipped_scores(batch, spec.crop), batches.top_maps(batch, spec.crop)
    g = global_soft_template(features, top).detach()
    n, _ = soft_negative_sample(g.roll(example.pairs, 0), features, scores, spec.tau_n, spec.background)
    step = socl_step(batches, 0, new_network(spec).train())
    loss = socl_loss(*g.chunk(2), n, spec.tau).item()
    assert loss == pytest.approx(step["loss"].item(), rel=1e-5)
    # The equation of the page, term by term.
    first, second, samples = (F.normalize(x, dim=1).detach() for x in (*g.chunk(2), n))
    terms = []
    for own, paired in ((first, second), (second, first)):
        for i in range(example.pairs):
            powers = torch.exp(torch.cat([paired, samples]) @ own[i] / spec.tau)
            terms.append(-torch.log(powers[i] / powers.sum()))
    assert sum(terms).item() / (2 * example.pairs) == pytest.approx(step["loss"].item(), rel=1e-4)
