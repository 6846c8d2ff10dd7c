"""SoCL-Siam without torch: NumPy, OpenCV and onnxruntime follow a target through a folder of images.

socl weights socl-siam --out siam.onnx
python onnx_tracker.py siam.onnx FOLDER x,y,w,h
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

EXEMPLAR, SEARCH, STRIDE, UPSAMPLING = 127, 255, 8, 16  # pixels that show target and surroundings; cells and finer


class Tracker:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path)
        self.options = json.loads(self.session.get_modelmeta().custom_metadata_map["spec"])
        steps = np.arange(self.options["scales"]) - self.options["scales"] // 2
        self.factors = self.options["scale_step"] ** steps
        self.penalties = np.where(steps == 0, 1, self.options["scale_penalty"])

    def features(self, image, sides, size):
        """Features of length 1 at each cell, of crops of so many pixels that show these sides of the image."""
        crops = []
        for scale in sides / size:
            corner = self.centre - (size - 1) / 2 * scale
            warp = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            crops.append(cv2.warpAffine(image, warp, (size, size), flags=flags, borderValue=self.fill))
        images = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
        found = self.session.run(["stage4"], {"images": images})[0]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def init(self, image, box):
        box = np.asarray(box, float)
        self.centre, self.target = box[:2] + (box[2:] - 1) / 2, box[2:]
        self.side = np.sqrt(np.prod(self.target + self.target.sum() / 2))  # with context, as SiamFC has it
        self.fill = cv2.mean(image)[:3]
        self.template = self.features(image, np.array([self.side]), EXEMPLAR)[0]

    def update(self, image):
        sides = self.side * SEARCH / EXEMPLAR * self.factors
        places = np.lib.stride_tricks.sliding_window_view(
            self.features(image, sides, SEARCH), self.template.shape[1:], (2, 3)
        )
        cosines = np.einsum("scyxij,cij->syx", places, self.template) / self.template[0].size
        finer = [
            cv2.resize(each, None, fx=UPSAMPLING, fy=UPSAMPLING, interpolation=cv2.INTER_CUBIC) for each in cosines
        ]
        best = int(np.argmax(np.max(finer, (1, 2)) * self.penalties))
        response = finer[best] - finer[best].min()
        window = np.outer(*[np.hanning(len(response))] * 2)
        share = self.options["window_influence"]
        response = (1 - share) * response / response.sum() + share * window / window.sum()
        y, x = np.unravel_index(response.argmax(), response.shape)
        cells = (np.array([x, y]) - (len(response) - 1) / 2) / UPSAMPLING
        self.centre = np.clip(self.centre + cells * STRIDE * sides[best] / SEARCH, 0, np.array(image.shape[1::-1]) - 1)
        growth = 1 + self.options["scale_rate"] * (self.factors[best] - 1)
        self.target, self.side = self.target * growth, self.side * growth
        return np.concatenate([self.centre - (self.target - 1) / 2, self.target])


if __name__ == "__main__":
    tracker = Tracker(sys.argv[1])
    for number, path in enumerate(sorted(Path(sys.argv[2]).glob("*.jpg"))):
        if number:
            print(*tracker.update(cv2.imread(str(path))).round(2), sep=",")
        else:
            tracker.init(cv2.imread(str(path)), [float(value) for value in sys.argv[3].split(",")])
