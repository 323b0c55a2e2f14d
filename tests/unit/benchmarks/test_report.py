"""What the page of the benchmarks says beside its tables."""

from __future__ import annotations

from benchmarks import report, rosters


def test_the_alternative_text_of_a_picture_says_every_figure() -> None:
    series = {"deploy": [1.26, 2.0], "destroy": [0.5, 10.0]}
    chart = report.Chart("stacks", "Two stacks", "seconds", ["ours", "bare"], series, decimals=1)
    assert report.section("Stacks", "As measured.", chart=chart).markdown == (
        "## Stacks\n\n![Two stacks, seconds. ours: deploy 1.3, destroy 0.5; bare: deploy 2.0, "
        "destroy 10.0.](images/benchmark-stacks.svg)\n\nAs measured."
    )


def test_a_time_that_is_noise_has_no_ratio() -> None:
    assert rosters.row("deploy", 3.0, 2.0, 4.0) == ["deploy", "3.0", "2.0", "4.0", "1.50", "0.75"]
    assert rosters.row("no change", 0.01, 0.0) == ["no change", "below 0.1", "below 0.1", ""]
