"""Prints what an installed package needs here, as pip takes it.

A local version (`torch==2.13.0+cpu`) is only on its project's own index, so its public version is asked for. PyTorch's
companions for sound and pictures are left out: building a configuration needs none of them.
"""

import importlib.metadata
import sys

from pip._vendor.packaging.requirements import Requirement

LEFT_OUT = {"torchaudio", "torchcodec", "torchvision"}

for line in importlib.metadata.requires(sys.argv[1]) or []:
    requirement = Requirement(line)
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        continue
    if requirement.name in LEFT_OUT:
        continue
    versions = ",".join(str(one).split("+")[0] for one in requirement.specifier)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    print(f"{requirement.name}{extras}{versions}")
