"""`socl plan`: disk, memory, hours and cost of the runs of a protocol on this machine, and the commands in order."""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from socl_core.commands import options
from socl_core.commands.options import AsJson, DataRoot, Device, Protocol, Settings, show

METHODS = ("socl-siam", "box-siam", "socl-cf", "box-cf", "socl-transt", "transt")  # of the paper's tables
PARTS = ("objectness", "crops", "training", "evaluation")

app = typer.Typer()


@app.command()
def plan(
    protocol: Protocol = "paper",
    method: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    price: Annotated[float | None, typer.Option(min=0, help="Of an hour of this machine, in any currency.")] = None,
    set_: Settings = None,
    json_: AsJson = False,
    device: Device = "auto",
    data_root: DataRoot = None,
) -> None:
    """What the runs of a protocol would take here, before anything is begun.

    A few steps of each method are rehearsed with its network and crops at their sizes, on composed videos of 1280 x 720
    pixels, and multiplied. Data sets that are not here count with the sizes that their authors publish.
    """
    from tqdm import tqdm

    from socl_core.models.device import Compute
    from socl_core.runs.spec import make_spec
    from socl_core.use.plan import rehearse

    compute, needs = Compute.choose(device), {}
    specs = {name: make_spec(protocol, name, **options.settings(set_)) for name in method or METHODS}
    for name, spec in tqdm(specs.items(), desc="rehearse", unit="method"):
        with tempfile.TemporaryDirectory() as folder:
            needs[name] = rehearse(spec, compute, Path(folder))
    available = _memory(compute)
    lines = [f"{protocol} on {compute.describe()}", ""]
    lines.append(f"{'hours of':14}" + "".join(f"{part:>12}" for part in (*PARTS, "all")) + "   disk GB  memory GB")
    for name, need in needs.items():
        hours = [need.seconds.get(part, 0) / 3600 for part in PARTS]
        gigabytes = sum(need.disk.values()) / 1e9, sum(need.memory.values()) / 1e9
        lines.append(
            f"{name:14}" + "".join(f"{value:12.2f}" for value in (*hours, sum(hours)))
            + "{:10.1f}{:11.1f}".format(*gigabytes)
        )  # fmt: skip
    crops = {name: need.memory["crops"] for name, need in needs.items() if need.memory.get("crops", 0) > available}
    if crops:
        frames = max(1, min(needs[name].fitting(available) for name in crops))
        lines += ["", f"The crops of {', '.join(crops)} do not fit into the {available / 1e9:.0f} GB of memory here;",
                  f"`--set frames={frames}` trains on so many frames of each video, and fits."]  # fmt: skip
    total = sum(sum(need.seconds.values()) for need in needs.values()) / 3600
    if price is not None:
        lines += ["", f"Cost of {total:.1f} hours: {total * price:.0f}"]
    lines += ["", *_advice(protocol, specs)]
    content = {name: asdict(need) for name, need in needs.items()}
    show(json_, {"protocol": protocol, "hours": total, "memory available": available, "runs": content}, lines)


def _memory(compute) -> float:
    """Bytes of memory of the device that holds the crops."""
    import torch

    if compute.device.type == "cuda":
        return float(torch.cuda.mem_get_info(compute.device)[1])
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _advice(protocol: str, specs: dict) -> list[str]:
    """What is shared and what goes on after a kill, and the commands from the check of the data to the tables."""
    trained = sorted({name for spec in specs.values() for name in spec.training_sets} - {"composite"})
    tested = sorted({name for spec in specs.values() for name in spec.test} - {"composite"})
    return [
        "Objectness and crops are kept in the cache, and runs with the same ones share them. After a kill the same",
        "command goes on: objectness with the next video, training from a checkpoint of the last 20 seconds,",
        "evaluation with the next video; crops are cut anew. Commands, in order:",
        *(f"  socl data check {name}" for name in sorted({*trained, *tested})),
        *(f"  socl prior build --data {name} --workers {os.cpu_count()}" for name in trained),
        *(f"  socl table {table} --protocol {protocol} --run" for table in (1, 2, 3, 4)),
        *(
            f"  socl evaluate --weights W --data {name} --split test --export {name}:FOLDER"
            for name in ("got10k", "trackingnet")
            if tested
        ),
    ]
