"""A closed table that is made up: of no use but to see what replays and proofs make of it."""

import json
import math

import numpy as np


def make_table(noise=0.0, failing=()):
    """AP has diminishing returns in cost and a quirk of each member; rungs show less of it."""
    import closed_table
    from table_members import draw_members

    members = []
    for at, arch in enumerate(draw_members()):
        planes = arch.backbone.base * (1 + arch.backbone.code.count("1") / 4)
        cost = arch.input.width * arch.input.height * planes * len(arch.neck.levels) / 1e6
        quirk = int(arch.arch_id[:4], 16) / 65536
        ap = 0.1 + 0.05 * math.log(1 + cost) + 0.02 * quirk
        rng = np.random.default_rng(at)
        trainings = tuple(
            tuple(
                closed_table.RungResult(
                    epochs=epochs,
                    cooldown_epochs=0.2 * epochs if epochs < 9 else 0.0,
                    ap_val=ap * (0.4 + epochs / 15) + noise * float(rng.normal()),
                    ap_test=ap * (0.4 + epochs / 15),
                    seconds_per_epoch=0.5 + cost / 10,
                    evaluate_seconds=0.5,
                )
                for epochs in (1, 3, 9)
            )
            for _ in range(2)
        )
        members.append(
            closed_table.Member(
                arch=arch,
                trainings=() if at in failing else trainings,
                latency_ms=1 + cost,
                macs_g=cost,
                params_m=0.1,
                start_seconds=0.3,
                time_seconds=0.7,
            )
        )
    return closed_table.ClosedTable(members)


def table_without_noise():
    return make_table()


def write_table(table, folder):
    """Write a table as `table.py` does, and return where; every member has as many seeds."""
    import closed_table
    from journal import Journal

    files = closed_table.TableFiles(folder / "table_scenes.jsonl", folder / "table_latency.jsonl")
    lines = {files.records: [], files.latencies: []}
    for member in table.members.values():
        text = str(member.arch)
        same = {"macs_g": member.macs_g, "params_m": member.params_m}
        same["start_seconds"] = member.start_seconds
        for seed, rungs in enumerate(member.trainings or [()]):
            record = {"key": f"{text} s{seed}", "arch": text, "seed": seed, **same}
            lines[files.records].append({**record, "rungs": [vars(rung) for rung in rungs]})
        timed = {"latency_ms": member.latency_ms, "seconds": member.time_seconds}
        lines[files.latencies].append({"key": f"{text} turn=0", "arch": text, **timed})
    for path, records in lines.items():
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        assert len(Journal(path)) == len(records)
    return files
