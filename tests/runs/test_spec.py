import math

import pytest

from socl_core import methods
from socl_core.errors import UsageError
from socl_core.methods.spec import TrainedSpec
from socl_core.runs.spec import make_spec, protocols, read_protocol, read_spec

NAMES = sorted(methods.modules())


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("protocol", protocols())
def test_every_shipped_protocol_parses_for_every_method(protocol, method):
    spec = make_spec(protocol, method)
    assert (spec.protocol, spec.method) == (protocol, method)
    assert bool(spec.training_sets) == issubclass(methods.find(method), TrainedSpec)
    for key in ("common", "methods"):
        assert key in read_protocol(protocol)
    assert set(read_protocol(protocol)["methods"]) <= set(NAMES)
    assert read_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("protocol", protocols())
@pytest.mark.parametrize("tracker", ["siam", "cf"])
def test_both_conditions_train_on_the_same_network_and_data(protocol, tracker):
    """The two methods differ in labels, loss and what the protocol says of them; not in data, network or budget."""
    points, boxes = make_spec(protocol, f"socl-{tracker}"), make_spec(protocol, f"box-{tracker}")
    for name in ("data", "backbone", "width", "batch", "optimiser", "test", "share", "videos", "frames", "seed"):
        assert getattr(points, name) == getattr(boxes, name), name
    assert boxes.labelled == pytest.approx(1 / 4.5) or protocol == "smoke"  # 22.2 % of the frames


def test_a_text_names_one_data_set_or_several():
    assert make_spec("smoke", "mil", test="otb:some/where").test == ("otb:some/where",)
    assert make_spec("smoke", "transt", data="composite, real_mini").data == ("composite", "real_mini")


def test_changes_win_over_the_method_and_the_method_over_the_common_part():
    values = read_protocol("laptop")
    assert make_spec("laptop", "socl-siam").steps == values["methods"]["socl-siam"]["steps"]
    assert make_spec("laptop", "socl-siam", steps=3).steps == 3
    assert make_spec("laptop", "socl-cf").steps == values["common"]["steps"] > 0


def test_a_spec_holds_the_parameters_of_its_method_alone():
    fields = {name: set(make_spec("laptop", name).model_dump()) for name in NAMES}
    assert "eta" in fields["socl-siam"] and not {"eta", "search_size", "filter_rate"} & fields["box-siam"]
    assert "labelled" in fields["transt"] and "labelled" not in fields["socl-transt"] | fields["socl-siam"]
    common = {"protocol", "method", "seed", "threads", "test", "test_videos", "test_frames", "starts", "split"}
    assert fields["mil"] == common
    with pytest.raises(UsageError, match="unknown parameter of box-siam 'eta'"):
        make_spec("laptop", "box-siam", eta=0.2)


@pytest.mark.parametrize("content", [None, [], {}, {"method": 3}, {"method": "none"}, {"method": "mil", "eta": 0.1}])
def test_plain_data_that_is_no_spec_is_refused(content):
    with pytest.raises(UsageError):
        read_spec(content)


@pytest.mark.parametrize("call, message", [
    (lambda: make_spec("laptop", "scol-siam"), "unknown method 'scol-siam': did you mean 'socl-siam'"),
    (lambda: make_spec("laptpo", "socl-siam"), "unknown protocol 'laptpo': did you mean 'laptop'"),
    (lambda: make_spec("laptop", "socl-siam", ste=5), "unknown parameter of socl-siam 'ste': did you mean 'steps'"),
    (lambda: make_spec("laptop", "socl-siam", tau_m=0.1), "did you mean 'tau_n'"),
    (lambda: make_spec("laptop", "zzzzzz"), "unknown method 'zzzzzz': valid are .*socl-siam"),
    (lambda: make_spec("../laptop", "mil"), "unknown protocol"),
    (lambda: make_spec("laptop", "mil", **{"protocol": "smoke"}), "protocol is no parameter to set"),
])  # fmt: skip
def test_the_nearest_valid_name_is_told(call, message):
    with pytest.raises(UsageError, match=message):
        call()


BAD = {
    "eta": [0, -1, 1.1, math.nan, "much"], "tau": [0, -0.1, math.nan], "tau_n": [0, math.nan], "background": [0, 1],
    "width": [0, 4.1, math.nan], "crop": [126, 256, 200.5], "steps": [-1, 1.5, None], "batch": [1, 0],
    "lr": [0, -1, math.nan], "optimiser": ["adam"], "weight_decay": [-1], "max_gap": [0], "shift": [-1],
    "zoom": [1, -0.1],
    "scales": [0], "window_influence": [-0.1, 1.1], "share": [0, 1.5],
    "videos": [0], "frames": [0],
    "test_videos": [0], "test_frames": [-3], "seed": [-1, 2**64], "data": [(), 3], "scale_rule": ["windows"],
    "correlation": ["cos"], "head": ["perhaps"], "backbone": ["vgg"],
}  # fmt: skip


@pytest.mark.parametrize("name, value", [(name, value) for name, values in BAD.items() for value in values])
def test_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"parameter {name}"):
        make_spec("laptop", "socl-siam", **{name: value})


def test_the_channels_of_transt_are_shared_out_among_its_heads():
    assert make_spec("laptop", "transt", dim=24, attention_heads=3).attention_heads == 3
    with pytest.raises(UsageError, match="dim must be a multiple of attention_heads; found 64 and 5"):
        make_spec("laptop", "transt", attention_heads=5)
