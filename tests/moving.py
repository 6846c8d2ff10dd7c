"""A video that trackers can follow."""

import cv2
import numpy as np


def video(frames=6, step=(3, 2), size=30, seed=0):
    """A textured square that moves over a smooth background, and its boxes."""
    rng = np.random.default_rng(seed)
    back = cv2.GaussianBlur(rng.integers(90, 160, (150, 200, 3), np.uint8), (9, 9), 0)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (size, size, 3), np.uint8), (5, 5), 0)
    images, boxes = [], []
    for k in range(frames):
        x, y = 70 + step[0] * k, 50 + step[1] * k
        image = back.copy()
        image[y : y + size, x : x + size] = texture
        images.append(image)
        boxes.append([x, y, size, size])
    return images, np.array(boxes, float)
