"""JSON for programs, as ``docs/diff.schema.json`` describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from cdk8s_inference.diff import Comparison, FieldChange, ModelChange, WorkloadChange
from cdk8s_inference.diff.noise import folded
from cdk8s_inference.diff.shown import Shown
from cdk8s_inference.diff.words import causes_of, sections, summary
from cdk8s_inference.diff.workload_change import Copies

FORMAT = 1
"""The version of the shape; it changes where a key changes its meaning."""


def written(comparison: Comparison) -> str:
    """An object with everything that the text says, as values and as the same words."""
    shown = Shown(comparison)
    fields = folded(comparison.changes)
    found = {
        "version": FORMAT,
        "summary": summary(comparison),
        "restarts": comparison.restarts,
        "models": [_model(each, shown) for each in comparison.models],
        "workloads": [_workload(each, shown) for each in comparison.others],
        "refused": [
            {"object": each.object, **_change(each.change, shown), "source": each.source}
            for each in comparison.refused
        ],
        "unread_until_restart": [
            {"source": each.source, "workload": each.workload, "ways": list(each.ways)}
            for each in comparison.readings
        ],
        "findings": {
            "appear": [each.as_dict() for each in comparison.appear],
            "gone": [each.as_dict() for each in comparison.gone],
        },
        "objects": {
            "added": [str(each.new) for each in comparison.pairs if each.old is None],
            "removed": [str(each.old) for each in comparison.pairs if each.new is None],
            "renamed": [
                {"from": str(each.old), "to": str(each.new)}
                for each in comparison.pairs
                if each.renamed
            ],
        },
        "fields": [
            {
                "field": shown.field(group.field),
                "old": shown.values(group.places[0].change)[0],
                "new": shown.values(group.places[0].change)[1],
                "places": [
                    {"object": place.object, "path": shown.field(str(place.change))}
                    for place in group.places
                ],
            }
            for group in fields.groups
        ],
        "folded": dict(fields.noise),
        "words": [
            {
                "title": section.title,
                "lines": [
                    {"label": line.label, "text": line.text, "details": list(line.details)}
                    for line in section.lines
                ],
            }
            for section in sections(comparison)
        ],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _model(model: ModelChange, shown: Shown) -> dict[str, Any]:
    return {
        "name": model.name,
        "served_names": list(model.served),
        "mode": list(model.switch) if model.switch else None,
        "devices": asdict(model.devices),
        "engines": [_workload(each, shown) for each in model.engines],
        "pickers": [_workload(each, shown) for each in model.pickers],
        "outages": list(model.outages()),
        "lost": list(model.lost()),
        "unselected": list(model.unselected),
        "stay": list(model.stay),
        "mixed": [
            {"state": each.what, "findings": [found.as_dict() for found in each.findings]}
            for each in model.mixed
        ],
        "traffic": {
            "gone": _entries(model.traffic.gone),
            "added": _entries(model.traffic.made),
            "shifts": [
                {**_entry(each.entry), "old": dict(each.old), "new": dict(each.new)}
                for each in model.traffic.shifts
            ],
            "gateways_gone": list(model.traffic.gateways_gone),
            "gateways_added": list(model.traffic.gateways_made),
            "listeners": [asdict(each) for each in model.traffic.listeners],
            "services": [asdict(each) for each in model.traffic.services],
        },
    }


def _entries(entries: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [_entry(each) for each in entries]


def _entry(entry: tuple[str, str]) -> dict[str, str]:
    return {"host": entry[0], "path": entry[1]}


def _workload(change: WorkloadChange, shown: Shown) -> dict[str, Any]:
    rollout = change.rollout
    return {
        "name": change.name,
        "role": change.role,
        "old": _copies(change.old),
        "new": _copies(change.new),
        "restarts": change.restarts,
        "restarted_devices": change.restarted_devices,
        "starts": change.starts,
        "stops": change.stops,
        "deleted": change.is_deleted,
        "renamed_from": change.renamed_from,
        "spare_devices": change.spare_devices,
        "causes": [_change(each, shown) for each in causes_of(change)],
        "rollout": None
        if rollout is None
        else {
            "strategy": rollout.strategy,
            "surge": rollout.surge,
            "unavailable": rollout.unavailable,
            "partition": rollout.partition,
        },
    }


def _copies(copies: Copies | None) -> dict[str, Any] | None:
    if copies is None:
        return None
    return {"copies": copies.count, "size": copies.size, "devices": copies.devices}


def _change(change: FieldChange, shown: Shown) -> dict[str, str]:
    old, new = shown.values(change)
    return {"path": shown.field(str(change)), "old": old, "new": new}
