"""Images of 40 x 30 pixels as files hold them."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

TEXTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8), (3, 3), 0)


def encoded(suffix: str, image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, image, options)[1].tobytes()


def jpeg(progressive: bool = False, grey: bool = False, flat: int | None = None) -> bytes:
    image = TEXTURE if flat is None else np.full_like(TEXTURE, flat)
    return encoded(".jpg", image[..., 0] if grey else image, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive))


def png(bits: int = 8) -> bytes:
    return encoded(".png", TEXTURE.astype(np.uint16) * 257 if bits == 16 else TEXTURE)


def webp() -> bytes:
    return encoded(".webp", TEXTURE)


def exif_jpeg(orientation: int) -> bytes:
    """As a camera writes it that was held so; 0 is no orientation."""
    exif, content = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    Image.fromarray(TEXTURE).save(content, "JPEG", exif=exif)
    return content.getvalue()


def header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
