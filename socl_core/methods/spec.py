"""What methods are built from: the parameters that several have in common, and what a method can do.

A method is a class of its own, made of these, so that a parameter of one method is none of another's.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from socl_core.data.annotation import BOX_OVER_POINT

if TYPE_CHECKING:
    import torch

SEEDS = 2**63  # what a generator of torch takes

DataSets = tuple[str, ...]


def split_names(names):
    """A text names one data set, or several with commas."""
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


class RunSpec(BaseModel):
    """What every run has: a method at a protocol, and where it is evaluated. `--set name=value` changes a field.

    Where a method has a `network`, it builds the untrained one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    protocol: str
    method: str
    network: ClassVar = None
    seed: int = Field(0, ge=0, lt=SEEDS, description="seed of weights, batches, augmentation and label choice")
    threads: int = Field(1, ge=1, le=1024, description="of the processor, where no GPU is; sums depend on their number")
    test: DataSets = Field(("composite",), description="sets to evaluate on")
    test_videos: int | None = Field(None, gt=0, description="at most this many videos of each set")
    test_frames: int | None = Field(None, gt=0, description="at most the first so many frames of each video")
    starts: int = Field(
        1, ge=1, le=1000, description="frames of each video to start from, evenly spaced; 1 is one-pass evaluation"
    )
    split: str = Field("test", description="split of the evaluation sets; a selection must use dev")

    _test_names = field_validator("test", mode="before")(split_names)

    @property
    def training_sets(self) -> DataSets:
        """Data sets that the run trains on; none where nothing is trained."""
        return ()

    def tracker(self, network, compute):
        """A tracker, ready for `init` as `IdentityTracker` is. network: the trained one; compute: where it is."""
        raise NotImplementedError


class NetworkSpec(RunSpec):
    """A run with a network, trained or not."""

    backbone: Literal["alexnet", "resnet10", "resnet18", "resnet50"] = Field("alexnet", description="the network")
    width: float = Field(1.0, gt=0, le=4, description="factor on the channels of the backbone")
    init: str | None = Field(None, description="file of weights the backbone starts from, in torchvision's names")


class TrainedSpec(NetworkSpec):
    """A run that trains its network."""

    data: DataSets = Field(("composite",), min_length=1, description="training sets, LOADER or LOADER:PATH")
    videos: int | None = Field(None, gt=0, description="at most this many videos of each training set")
    frames: int | None = Field(None, gt=0, description="at most this many frames a video, evenly spread")
    share: float = Field(1.0, gt=0, le=1, description="share of the training videos that the budget buys")
    steps: int = Field(..., ge=0, description="of training, a batch each")
    batch: int = Field(16, ge=2, le=65536, description="videos a batch; at most as many as there are")
    optimiser: Literal["sgd", "adamw"] = Field("sgd", description="sgd with momentum .9, or adamw")
    lr: float = Field(0.01, gt=0, description="learning rate at its highest")
    weight_decay: float = Field(5e-4, ge=0, description="of the optimiser")
    backbone_lr: float = Field(1.0, ge=0, description="factor on the learning rate of the backbone")
    max_gap: int = Field(100, gt=1, description="most frames between the two of a pair")
    shift: float = Field(16.0, ge=0, description="random shift of training crops, at most so many pixels")
    zoom: float = Field(0.1, ge=0, lt=1, description="random zoom of training crops, at most this much")

    _data_names = field_validator("data", mode="before")(split_names)

    @property
    def training_sets(self) -> DataSets:
        return self.data if self.steps else ()

    def cut(self):
        """How its training crops are cut, a `Cut`."""
        raise NotImplementedError

    @staticmethod
    def step(batches, step: int, network: "torch.nn.Module") -> "dict[str, torch.Tensor]":
        """The values to log of a training step on `Batches`, of which "loss" is minimised."""
        raise NotImplementedError


class PointLabels(BaseModel):
    """The point condition: every frame has a click, and no size is ever seen."""

    point_noise: float = Field(0.0, ge=0, description="error of the clicks, standard deviation in sides of the target")


class BoxLabels(BaseModel):
    """The box condition: some frames have a box."""

    labelled: float = Field(1 / BOX_OVER_POINT, gt=0, le=1, description="share of frames with a box")
    boxed: Literal["frames", "videos"] = Field(
        "frames", description="boxes on some frames of each video, or on whole ones"
    )
