"""The report as one page: no script, no request, readable on paper and on a phone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

from workmail_provider.rules.manifest import Verdict

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_STYLE = """
:root { --ink: #16202e; --soft: #5b6675; --line: #dde2e8; --good: #17744a; --bad: #b3261e;
  --paper: #fff; --ground: #f4f6f8 }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #a3adb9; --line: #364150;
  --good: #5fce98; --bad: #ff8a80; --paper: #1c242e; --ground: #12181f } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
p { margin: .25rem 0; color: var(--soft) }
code { font: .85em ui-monospace, Consolas, monospace; overflow-wrap: anywhere }
.good { color: var(--good) } .bad { color: var(--bad) }
progress { display: block; width: 100%; height: .75rem; margin: 1rem 0; accent-color: var(--good) }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1rem 0 }
dl div { background: var(--paper); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .9rem }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.3rem; font-weight: 600 }
table { width: 100%; border-collapse: collapse; background: var(--paper);
  border: 1px solid var(--line) }
th, td { text-align: left; vertical-align: top; padding: .55rem .75rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th { font-size: .85rem; color: var(--soft) }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td small { display: block; color: var(--soft) }
td:first-child { font-weight: 600 }
td:first-child, th:first-child { white-space: nowrap }
@media (min-width: 45rem) { td:nth-child(2) { min-width: 16rem } }
@media (max-width: 45rem) {
  main { padding: 1.25rem .75rem 3rem }
  thead { display: none }
  table, tbody, tr, td { display: block }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line) }
  td { border: 0; padding: .15rem .75rem }
  td.number { text-align: left }
  td[data-label]::before { content: attr(data-label) ": "; color: var(--soft) }
}
@media print {
  body { background: #fff }
  main { max-width: none; padding: 0 }
  tr { break-inside: avoid }
}
"""


def page(manifest: Mapping[str, Any]) -> str:
    summary, mailboxes = manifest["summary"], manifest["mailboxes"]
    verified, total = summary["verified"], summary["mailboxes"]
    others = [each for each in mailboxes if each["verdict"] != Verdict.VERIFIED]
    is_done = verified == total
    parts = [
        f'<h1>{verified:,} of {total:,} mailboxes are <span class="'
        f'{"good" if is_done else "bad"}">verified</span></h1>',
        f"<p>Amazon WorkMail organization <code>{escape(manifest['organization_id'])}</code>, "
        f"run <code>{escape(manifest['run'])}</code>, "
        f"{_time(manifest['began_at'])} to {_time(manifest['ended_at'])} UTC</p>",
        f'<progress max="{max(total, 1)}" value="{verified}">{verified} of {total}</progress>',
        _numbers(summary, manifest),
        *_section("Not verified", others, "Every mailbox has a verified export."),
        *_notes(manifest),
        *_section("Verified", [each for each in mailboxes if each not in others], ""),
        *_section("Exported before, no longer enabled", manifest["no_longer_enabled"], ""),
        "<h2>What verified means</h2>",
        "<p>The zip is in the bucket and not empty, it is encrypted with the declared key, its "
        "directory was read and its files were counted. If WorkMail's output log was found, its "
        "number of messages was compared. Contacts, tasks and notes are in no export.</p>",
        "<p>Aliases, group members, delegates and permissions are in <code>dossier.json</code> "
        "beside this page, and every detail in <code>manifest.json</code> and "
        "<code>manifest.csv</code>.</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{verified:,} of {total:,} mailboxes verified</title>"
        f"<style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def _numbers(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    left_behind = summary["left_behind"]
    shown = (
        ("Days until the end of WorkMail", f"{manifest['days_left']:,}"),
        ("Failed", f"{summary['failed']:,}"),
        ("Disabled or deleted meanwhile", f"{summary['gone']:,}"),
        ("Without a result", f"{summary['missing']:,}"),
        ("Size", _size(summary["size"])),
        ("Messages", f"{summary['messages']:,}"),
        ("Items left behind", "not known" if left_behind is None else f"{left_behind:,}"),
    )
    return "<dl>" + "".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in shown) + "</dl>"


def _section(title: str, rows: Sequence[Mapping[str, Any]], if_empty: str) -> list[str]:
    if not rows:
        return [f"<h2>{title}</h2>", f"<p>{if_empty}</p>"] if if_empty else []
    head = (
        "<thead><tr><th>Verdict<th>Mailbox<th>Why"
        '<th class="number">Messages<th class="number">Left behind<th class="number">Size'
        "</tr></thead>"
    )
    of_all = set.intersection(*(set(row["notes"]) for row in rows)) if len(rows) > 1 else set()
    body = "".join(
        _row(row, of_all) for row in sorted(rows, key=lambda row: (row["verdict"], row["name"]))
    )
    return [
        f"<h2>{title} ({len(rows):,})</h2>",
        *(f"<p>Of all of these: {escape(note)}.</p>" for note in sorted(of_all)),
        f"<table>{head}<tbody>{body}</tbody></table>",
    ]


def _row(row: Mapping[str, Any], said: Collection[str]) -> str:
    is_good = row["verdict"] == Verdict.VERIFIED
    place = f"s3://{row['bucket']}/{row['key']}" if row.get("key") else ""
    details = [escape(place), *(escape(note) for note in row["notes"] if note not in said)]
    small = "".join(f"<small>{detail}</small>" for detail in details if detail)
    aliases = ", ".join(row["aliases"])
    return (
        f'<tr><td class="{"good" if is_good else "bad"}">{escape(row["verdict"].lower())}'
        f"<td>{escape(row['name'])}<small>{escape(row['email'])}</small>"
        f"<small>{escape(aliases)}</small><small><code>{escape(row['entity_id'])}</code></small>"
        f"<td>{escape(row['reason'])}{small}"
        f'<td class="number" data-label="Messages">{_count(row["messages"])}'
        f'<td class="number" data-label="Left behind">{_count(row["left_behind"])}'
        f'<td class="number" data-label="Size">{_size(row["size"])}</tr>'
    )


def _notes(manifest: Mapping[str, Any]) -> list[str]:
    """What a reader of the numbers above has to know besides."""
    said = (
        (
            "disabled",
            "Disabled in the last 30 days and not exported: enable a mailbox to export it",
        ),
        ("not_selected", "Not selected for this export"),
        ("unmatched", "Patterns of include and exclude that match no enabled mailbox"),
    )
    notes = [
        f"<p>{text}: {escape(', '.join(manifest[name]))}.</p>"
        for name, text in said
        if manifest[name]
    ]
    return ["<h2>Not in this export</h2>", *notes] if notes else []


def _count(number: int | None) -> str:
    return "not known" if number is None else f"{number:,}"


def _size(number: float) -> str:
    for unit in _UNITS[:-1]:
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} {_UNITS[-1]}"


def _time(text: str) -> str:
    return escape(text.replace("T", " ").removesuffix("Z"))
