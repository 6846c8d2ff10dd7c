"""Soft contrastive learning (SoCL) of visual trackers from single point annotations.

Formulas carry the tag of their source: [S] stated in the paper's supplement, [A] stated in its
abstract, [R] reconstructed here, always a named option.
"""
