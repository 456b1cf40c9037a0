"""Memory of training steps in a process of its own: peak resident size less that before building.

.venv/bin/python benchmarks/step_memory.py faster_rcnn_r18 ours --size 320 --batch 8
"""

import argparse
from pathlib import Path

import torch
from rivals import KINDS, TORCHVISION_LOSSES, build_theirs, convert, draw_batch, make_step

from smnas.detector.build import build_detector
from smnas.training.precision import choose_precision


def main() -> None:
    """Print MiB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("who", choices=("ours", "ours_fp32", "theirs"))
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    kind, size = arguments.kind, arguments.size
    batch = draw_batch(arguments.batch, size)
    before = read_mib("VmRSS")
    with torch.device("meta"):  # takes no memory
        found = convert(build_theirs(kind, size), size)
    if arguments.who == "theirs":
        model, inputs = build_theirs(kind, size), batch.theirs(found.first_label)
    else:
        model = build_detector(found.arch, found.num_classes, TORCHVISION_LOSSES, seed=0)
        inputs = (batch.images_B3HW, batch.targets)
    precision = choose_precision(torch.device("cpu"), "auto")
    step = make_step(model, inputs, precision if arguments.who == "ours" else "float32")
    for _ in range(2):  # the optimizer's memory is there from the second on
        step()
    print(f"{read_mib('VmHWM') - before:.1f}")


def read_mib(field: str) -> float:
    """Return a size of this process from Linux: VmRSS, resident now, or VmHWM, the most ever.

    ``getrusage`` will not do: its peak may be that of the process that started this one.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise OSError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    main()
