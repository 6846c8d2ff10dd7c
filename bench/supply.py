"""What this environment is made of: the licence of each package, and a bill of materials (CycloneDX 1.5).

python bench/supply.py [FILE.json]
"""

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

ROOT, EXTRAS = "socl-book", ("book", "test")
UNKNOWN = "not stated"


def packages() -> dict[str, Distribution]:
    """The packages that the project needs with its extras, those that they need, and so on; by name."""
    found, waiting = {}, [(ROOT, EXTRAS)]
    while waiting:
        name, extras = waiting.pop()
        try:
            package = distribution(name)
        except PackageNotFoundError:  # for another system
            continue
        key = re.sub(r"[-_.]+", "-", package.name).lower()
        if key in found and not extras:
            continue
        found[key] = package
        for text in package.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((needed.name, tuple(needed.extras)))
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """Its licence, as its metadata states it on one line."""
    stated = package.metadata
    classified = [text.rpartition(" :: ")[2] for text in stated.get_all("Classifier", []) if text.startswith("License")]
    texts = (stated["License-Expression"], ", ".join(classified), (stated["License"] or "").strip().partition("\n")[0])
    return next(filter(None, texts), UNKNOWN)


def bill(found: dict[str, Distribution]) -> dict:
    """The bill of materials of packages by name."""
    components = [
        {"type": "library", "name": name, "version": package.version, "purl": f"pkg:pypi/{name}@{package.version}",
         "licenses": [{"license": {"name": licence(package)}}]}
        for name, package in found.items()
    ]  # fmt: skip
    own = next(each for each in components if each["name"] == ROOT)
    components.remove(own)
    metadata = {"component": own | {"type": "application"}}
    kind = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
    return kind | {"metadata": metadata, "components": components}


if __name__ == "__main__":
    found = packages()
    for name, package in found.items():
        print(f"{name:32} {package.version:14} {licence(package)[:70]}")
    for path in sys.argv[1:]:
        with open(path, "w") as file:
            json.dump(bill(found), file, indent=1)
