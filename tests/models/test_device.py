"""What the record of a run says about the machine."""

import torch

from socl_core.models import device
from socl_core.models.device import Compute


def test_a_record_names_the_processor(monkeypatch, tmp_path):
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(device, "Path", lambda path: info)
    capability = torch.backends.cpu.get_cpu_capability()
    assert device.processor() == f"CPU, {capability}"  # a system without that file
    info.write_text("vendor_id : X\nmodel name\t: Fast Chip 9\nmodel name\t: Fast Chip 9\n")
    assert device.processor() == f"Fast Chip 9, {capability}"
    assert (
        Compute(torch.device("cpu"), False).describe()
        == f"Fast Chip 9, {capability}, float32, torch {torch.__version__}"
    )
