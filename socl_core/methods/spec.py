"""What defines a run: all parameters of one training and its evaluation, filled from a protocol."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from socl_core import methods
from socl_core.data.annotation import BOX_OVER_POINT
from socl_core.errors import UsageError, unknown

PROTOCOL_FOLDER = Path(__file__).parents[1] / "protocols"
# Crops with cells symmetric about their middle: a multiple of the stride and a rest. A test checks it with the grids.
CENTRED = {"alexnet": (8, 7), "resnet10": (16, 1), "resnet18": (16, 1), "resnet50": (16, 1)}


class RunSpec(BaseModel):
    """Parameters of a run. Every field can be set with `--set name=value`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # what is run
    protocol: str
    method: Literal[methods.NAMES]
    seed: int = Field(0, ge=0, description="seed of weights, batches, augmentation and label choice")

    threads: int = Field(1, ge=1, description="of the processor, where no GPU is; sums depend on their number")

    # training data
    data: tuple[str, ...] = Field(("composite",), min_length=1, description="training sets, LOADER or LOADER:PATH")
    videos: int | None = Field(None, gt=0, description="at most this many videos of each training set")
    frames: int | None = Field(None, gt=0, description="at most this many frames a video, evenly spread")
    share: float = Field(1.0, gt=0, le=1, description="share of the training videos that the budget buys")
    labelled: float = Field(1 / BOX_OVER_POINT, gt=0, le=1, description="share of frames with a box (box condition)")
    point_noise: float = Field(
        0.0, ge=0, description="error of the clicks, standard deviation in sides of the target (point condition)"
    )
    boxed: Literal["frames", "videos"] = Field(
        "frames", description="boxes on some frames of each video, or on whole ones"
    )
    scale_rule: Literal["pseudo", "window", "free"] = Field(
        "window", description="crop scale in the point condition [R]"
    )

    # method
    eta: float = Field(0.1, gt=0, le=1, description="clip fraction of the score map [S]")
    head: bool = Field(False, description="projection head in training [S]")
    tau: float = Field(0.1, gt=0, description="temperature of the SoCL loss [R]")
    tau_n: float = Field(0.1, gt=0, description="temperature of the hard negative map [R]")
    background: float = Field(
        0.05, gt=0, lt=1, description="cells below this share of the TOP maximum are background [R]"
    )
    lst: float = Field(0.0, ge=0, description="weight of the loss of local soft templates [R]")
    radius: float = Field(16.0, gt=0, description="radius of positives in pixels (box condition)")

    # network and optimisation
    backbone: Literal["alexnet", "resnet10", "resnet18", "resnet50"] = Field("alexnet", description="the network")
    init: str | None = Field(None, description="file of weights the backbone starts from, in torchvision's names")
    width: float = Field(1.0, gt=0, le=4, description="factor on the channels of the backbone")
    crop: int = Field(255, ge=127, le=255, description="side of training crops, with the cells centred in it")
    steps: int = Field(..., ge=0, description="of training, a batch each")
    batch: int = Field(16, ge=2, description="videos a batch; at most as many as there are")
    optimiser: Literal["sgd", "adamw"] = Field("sgd", description="sgd with momentum .9, or adamw")
    lr: float = Field(0.01, gt=0, description="learning rate at its highest")
    weight_decay: float = Field(5e-4, ge=0, description="of the optimiser")
    backbone_lr: float = Field(1.0, ge=0, description="factor on the learning rate of the backbone")
    max_gap: int = Field(100, gt=1, description="most frames between the two of a pair")
    shift: float = Field(16.0, ge=0, description="random shift of training crops, at most so many pixels")
    zoom: float = Field(0.1, ge=0, lt=1, description="random zoom of training crops, at most this much")

    # TransT
    search: int = Field(256, ge=64, le=256, multiple_of=16, description="side of search crops; of templates half of it")
    dim: int = Field(256, ge=8, multiple_of=8, description="channels of tokens")
    layers: int = Field(4, ge=1, description="fusion layers")
    heads: int = Field(8, ge=1, description="of attention")
    hidden: int = Field(2048, ge=1, description="width of feed-forward networks")
    dropout: float = Field(0.1, ge=0, lt=1)
    anchored: bool = Field(
        False, description="boxes as offsets from their cells [R]; else anywhere in the crop [TransT]"
    )
    mismatch: float = Field(
        0.0, ge=0, description="weight of the loss of search crops matched with another video's template [R]"
    )
    mismatch_share: float = Field(
        1.0, gt=0, le=1, description="of a batch's search crops, those matched with another video's template [R]"
    )
    jitter_power: float = Field(
        1.0, ge=1, description="of shifts and zooms of TransT, drawn evenly at 1; above, small ones prevail [R]"
    )
    turned: bool = Field(
        False, description="pairs of TransT's crops mirrored, turned and with swapped colours, both alike [R]"
    )
    pseudo_boxes: Literal["best", "centred", "plateau"] = Field(
        "centred", description="rule of pseudo boxes from points [R]"
    )

    # inference and evaluation
    correlation: Literal["cosine", "dot"] = Field("cosine", description="of template and search features")
    scales: int = Field(3, ge=1, description="at which a tracker looks for its target")
    window_influence: float = Field(
        0.176,
        ge=0,
        le=1,
        description="share of the Hann window in the response, which keeps a tracker near its last place",
    )
    size_rate: float = Field(1.0, gt=0, le=1, description="how fast TransT takes over sizes; 1 as published [R]")
    solver: Literal["closed", "cg"] = Field(
        "cg", description="of the correlation filter: conjugate gradient, or closed form"
    )
    update: float = Field(0.02, ge=0, lt=1, description="learning rate of the correlation filter, a frame")
    test: tuple[str, ...] = Field(("composite",), description="sets to evaluate on")
    test_videos: int | None = Field(None, gt=0, description="at most this many videos of each set")
    test_frames: int | None = Field(None, gt=0, description="at most the first so many frames of each video")
    split: str = Field("test", description="split of the evaluation sets; a selection must use dev")

    @field_validator("data", "test", mode="before")
    @classmethod
    def _one_or_several(cls, names):
        """A text names one data set, or several with commas."""
        return [name.strip() for name in names.split(",")] if isinstance(names, str) else names

    @model_validator(mode="after")
    def _crop_fits_the_grid(self):
        if self.method in ("transt", "socl-transt"):  # whose crops are those of `search`
            if self.dim % self.heads:
                raise ValueError(f"dim must be a multiple of heads; found {self.dim} and {self.heads}")
            return self
        stride, rest = CENTRED[self.backbone]
        if self.crop % stride != rest:
            raise ValueError(
                f"crop must be {rest} more than a multiple of {stride}, to centre the cells of {self.backbone}; "
                f"found {self.crop}"
            )
        if self.method in ("box-siam", "box-cf") and self.crop < 151:
            raise ValueError(
                f"crop must be at least 151 for {self.method}, whose response has no negative else; found {self.crop}"
            )
        return self


def protocols() -> list[str]:
    """Names of the protocols that ship with the package."""
    return sorted(path.stem for path in PROTOCOL_FOLDER.glob("*.yaml"))


def read_protocol(name: str) -> dict[str, Any]:
    """The contents of a protocol file. Raises `UsageError` for an unknown name."""
    if name not in protocols():
        raise unknown("protocol", name, protocols())
    return yaml.safe_load((PROTOCOL_FOLDER / f"{name}.yaml").read_text())


def make_spec(protocol: str, method: str, variant: str | None = None, /, **changes: Any) -> RunSpec:
    """The spec of a method at a protocol, with changes. Raises `UsageError` for anything unknown or out of range.

    variant: name of a block of the protocol's file with changes of its own, such as "real"; none is needed.
    """
    if method not in methods.NAMES:
        raise unknown("method", method, methods.NAMES)
    for name in changes:
        if name in ("protocol", "method"):
            raise UsageError(f"{name} is no parameter to set; it is chosen by its own option")
        if name not in RunSpec.model_fields:
            raise unknown("parameter", name, RunSpec.model_fields)
    values = read_protocol(protocol)
    blocks = [values, values.get(variant, {})] if variant else [values]
    merged = {}
    for block in blocks:
        merged |= block.get("common", {}) | block.get("methods", {}).get(method, {})
    merged |= changes
    try:
        return RunSpec(protocol=protocol, method=method, **merged)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise UsageError(first["msg"].removeprefix("Value error, ")) from None
        name = ".".join(map(str, first["loc"]))
        raise UsageError(f"parameter {name}: {first['msg']}, found {first['input']!r}") from None
