"""Soft contrastive learning (SoCL) of visual trackers from single point annotations.

`socl_core.tracker` and `socl_core.track` are for programs that track; `socl` is the command line.

Formulas carry the tag of their source: [S] stated in the paper's supplement, [A] stated in its
abstract, [R] reconstructed here, always a named option.
"""

__all__ = ["track", "tracker"]


def __getattr__(name: str):
    """The two names above, whose module is imported when they are asked for: torch takes a second."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.use.tracker"), name)
