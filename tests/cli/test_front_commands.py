"""``smnas front`` and ``smnas report`` on a run made by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader

Call = Callable[..., Any]


def test_front_prints_json_and_nothing_else_on_stdout(call: Call, run_folder: Path) -> None:
    result = call("front", run_folder, "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [row["stage"] for row in rows] == [1, 1, "yardstick"]
    assert [row["recommended"] for row in rows] == [False, True, False]
    assert Path(rows[1]["weights"]).is_file()
    assert set(rows[0]) >= {
        *("arch", "arch_id", "stage", "macs_g", "params_m", "budget", "weights", "recommended"),
        *("ap", "ap50", "ap_test", "ap50_test", "latency_ms"),
        *("ap_interval", "ap50_interval", "ap_test_interval", "ap50_test_interval"),
        *("latency_ms_interval", "final"),
    }
    assert rows[0]["params_m"] is None


def test_front_for_people(call: Call, run_folder: Path) -> None:
    result = call("front", run_folder)
    assert "The final front" in result.stdout
    assert "yardstick" in result.stdout
    assert "60.0" in result.stdout  # AP50 times 100
    assert "58.0-62.0" in result.stdout


def test_front_of_a_run_at_its_beginning(call: Call, tmp_path: Path) -> None:
    header = RunHeader(smnas_version="0", created="", config={}, data_ids={})
    Archive.create(tmp_path / "run", header).close()
    assert json.loads(call("front", tmp_path / "run", "--json").stdout) == []
    assert "nothing has been measured yet" in call("front", tmp_path / "run").stdout


def test_report_prints_its_path(call: Call, run_folder: Path) -> None:
    result = call("report", run_folder)
    assert result.stdout == f"{run_folder / 'report.html'}\n"
    assert (run_folder / "report.html").stat().st_size > 1_000_000
