"""Where and in which precision the networks run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from socl_core.errors import UsageError


def fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: CUDA from Ampere on, CPUs with AMX or AVX-512 BF16.

    With AVX-512 BF16 a step of AlexNetV1 takes half the time; on a CPU without either the emulation is some ten times
    slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


def processor() -> str:
    """Name of the processor and the instructions that torch uses of it: "AMD EPYC, AVX2", or "CPU, AVX2" where the
    system does not tell its name."""
    info = Path("/proc/cpuinfo")  # Linux only
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{next(iter(names), '') or 'CPU'}, {torch.backends.cpu.get_cpu_capability()}"


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch works with so many threads of the processor meanwhile: the order of its sums depends on them."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Compute:
    """A device with the precision for it. Parameters stay float32; memory is channels_last."""

    device: torch.device
    bf16: bool

    @classmethod
    def choose(cls, device: str = "auto") -> "Compute":
        """device: auto, cpu, cuda or cuda:N. `UsageError` where absent."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise UsageError(f"device '{device}' was asked for but CUDA is not available here; use cpu or auto")
        try:
            chosen = torch.device(device)
        except RuntimeError:
            raise UsageError(f"unknown device '{device}': expected auto, cpu, cuda or cuda:N") from None
        return cls(chosen, fast_bf16(chosen))

    def module(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module on this device; channels_last, unless it says otherwise by a `memory_format` of its own."""
        return module.to(self.device, memory_format=getattr(module, "memory_format", torch.channels_last))

    def images(self, batch: torch.Tensor) -> torch.Tensor:
        """A batch (B, 3, H, W) on this device, float32, channels_last."""
        return batch.to(self.device, non_blocking=True).float().contiguous(memory_format=torch.channels_last)

    def autocast(self) -> AbstractContextManager:
        """bfloat16 autocast where it pays."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def describe(self) -> str:
        """Name of the hardware, for the record of a run."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else processor()
        return f"{name}, {'bfloat16' if self.bf16 else 'float32'}, torch {torch.__version__}"
