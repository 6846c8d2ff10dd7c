"""TransT (Chen et al., CVPR 2021): attention between template and search region in the place of a correlation.

Shapes: B samples, L tokens (cells of a feature map, row by row), C = `dim` channels.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from socl_core.models.resnet import RESNETS


def sine_positions(rows: int, columns: int, dim: int) -> torch.Tensor:
    """Sine and cosine of each cell's row and column at dim / 4 wavelengths. (Carion et al., 2020)

    Rows and columns run from 0 to 2 pi whatever their number. Returns (rows * columns, dim); the first half
    of the channels tells the row.
    """
    wavelength = 10000 ** (torch.arange(dim // 4) / (dim // 4))

    def one(count: int) -> torch.Tensor:
        angle = 2 * math.pi * torch.arange(1, count + 1)[:, None] / count / wavelength
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)

    both = [one(rows)[:, None].expand(-1, columns, -1), one(columns)[None].expand(rows, -1, -1)]
    return torch.cat(both, -1).flatten(0, 1)


class Attention(nn.Module):
    """Multi-head attention: softmax(Q K' / sqrt(C / heads)) V in each head, with a linear map before and after.

    query (B, L, C); key, value (B, M, C). Returns (B, L, C).
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        pairs = (self.query, query), (self.key, key), (self.value, value)
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer, x in pairs)
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.out(out.transpose(1, 2).flatten(2))


class EgoContext(nn.Module):
    """Ego-context augment: tokens attend to those of their own map. x + place are queries and keys."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.attention, self.drop = Attention(dim, heads, dropout), nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        return self.norm(x + self.drop(self.attention(x + place, x + place, x)))


class CrossFeature(nn.Module):
    """Cross-feature augment: tokens attend to those of the other map; then a feed-forward network."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.attention, self.drop = Attention(dim, heads, dropout), nn.Dropout(dropout)
        self.feed = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, dim), nn.Dropout(dropout)
        )
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x, place, other, other_place) -> torch.Tensor:
        x = self.norm1(x + self.drop(self.attention(x + place, other + other_place, other)))
        return self.norm2(x + self.feed(x))


class FusionLayer(nn.Module):
    """One ego-context and one cross-feature augment a map; the two maps share no weights."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.ego = nn.ModuleList(EgoContext(dim, heads, dropout) for _ in range(2))
        self.cross = nn.ModuleList(CrossFeature(dim, heads, hidden, dropout) for _ in range(2))

    def forward(self, template, template_place, search, search_place) -> tuple[torch.Tensor, torch.Tensor]:
        template, search = self.ego[0](template, template_place), self.ego[1](search, search_place)
        return (
            self.cross[0](template, template_place, search, search_place),
            self.cross[1](search, search_place, template, template_place),
        )


def anchors(cells: int) -> torch.Tensor:
    """Boxes (cells^2, 4) of the target's usual size, a quarter of the crop, about the centres of the cells."""
    centres = (torch.arange(cells) + 0.5) / cells
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x, y, torch.full_like(x, 0.25), torch.full_like(x, 0.25)], -1).flatten(0, 1)


def mlp(dim: int, outputs: int) -> nn.Sequential:
    """Three linear layers with ReLU between them."""
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, outputs))


class TransT(nn.Module):
    """Backbone to layer3 at stride 8, fusion layers, a last cross attention, class and box heads.

    Input: template (B, 3, S / 2, S / 2) and search (B, 3, S, S), 0..255, BGR; S a multiple of 16.
    Output, for each of the (S / 8)^2 search cells: logits (B, L, 2), channel 0 for the target, and boxes
    (B, L, 4), centre x, y, width, height as fractions of the search crop.
    """

    # Channels last, its backward pass corrupts memory on CPUs with several threads (oneDNN of torch 2.x).
    memory_format = torch.contiguous_format

    def __init__(
        self,
        backbone: str,
        width: float,
        dim: int,
        layers: int,
        heads: int,
        hidden: int,
        dropout: float,
        anchored: bool = False,
    ):
        super().__init__()
        self.anchored = anchored
        self.backbone = RESNETS[backbone](width, strides=(1, 2, 1))
        self.reduce = nn.Conv2d(self.backbone.channels, dim, 1)
        self.fusion = nn.ModuleList(FusionLayer(dim, heads, hidden, dropout) for _ in range(layers))
        self.decoder, self.norm = CrossFeature(dim, heads, hidden, dropout), nn.LayerNorm(dim)
        self.classes, self.boxes = mlp(dim, 2), mlp(dim, 4)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and not name.startswith("backbone"):
                nn.init.xavier_uniform_(parameter)

    def tokens(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, L, C) of images and their positions (L, C)."""
        features = self.reduce(self.backbone(images))
        place = sine_positions(*features.shape[-2:], features.shape[1]).to(features)
        return features.flatten(2).transpose(1, 2), place

    def forward(self, template: torch.Tensor, search: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.match(self.tokens(template), self.tokens(search))

    def match(self, template: tuple[torch.Tensor, torch.Tensor], search: tuple[torch.Tensor, torch.Tensor]):
        """As `forward`, with template and search region as `tokens` gives them."""
        (template, template_place), (search, search_place) = template, search
        for layer in self.fusion:
            template, search = layer(template, template_place, search, search_place)
        decoded = self.norm(self.decoder(search, search_place, template, template_place))
        boxes = self.boxes(decoded)
        if self.anchored:
            boxes = boxes + anchors(math.isqrt(boxes.shape[1])).to(boxes).logit()
        return self.classes(decoded), boxes.sigmoid()
