"""A comparison in words: sections of lines, which every format lays out in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.diff.comparison import Comparison, Refusal
from cdk8s_inference.diff.field_change import FieldChange
from cdk8s_inference.diff.model_change import ModelChange
from cdk8s_inference.diff.noise import folded, noise_of, own_name
from cdk8s_inference.diff.object_pair import key_of
from cdk8s_inference.diff.reading import Reading
from cdk8s_inference.diff.rollout import Rollout
from cdk8s_inference.diff.shown import Shown
from cdk8s_inference.diff.traffic import Entry, Shift, Traffic
from cdk8s_inference.diff.workload_change import Copies, WorkloadChange
from cdk8s_inference.findings import Finding, Severity

_CAUSES = 4
_PLACES = 3


@dataclass(frozen=True)
class Line:
    """One thing to know.

    Attributes:
        label: What it is about, in a word.
        text: What it says.
        details: What is to say beside it.
        severity: How bad it is; None where it is no finding.
    """

    label: str
    text: str
    details: tuple[str, ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True)
class Section:
    """Lines about one thing.

    Attributes:
        title: What they are about.
        lines: The lines.
        is_detail: Whether a reader in a hurry passes over it.
    """

    title: str
    lines: tuple[Line, ...]
    is_detail: bool = False


def summary(comparison: Comparison) -> str:
    """The whole in one line."""
    if comparison.is_empty:
        return "nothing changes"
    parts = list(_sums(comparison.workloads))
    appear = [each for each in comparison.appear if each.severity == "error"]
    if appear:
        parts.append(f"{plural(len(appear), 'error')} {_verb(len(appear), 'appear')}")
    mixed = [each for model in comparison.models for each in model.mixed]
    failing = [state for state in mixed if any(each.severity == "error" for each in state.findings)]
    if any(state.is_of_pods for state in failing):
        parts.append("old and new pods do not work together")
    elif failing:
        parts.append("old pods do not work with the new pool")
    if comparison.refused:
        objects = len({each.object for each in comparison.refused})
        parts.append(f"{plural(objects, 'object')} must be deleted first")
    return "; ".join(parts)


def _sums(workloads: Sequence[WorkloadChange]) -> Iterator[str]:
    restarting = [each for each in workloads if each.restarts and each.renamed_from is None]
    renamed = [each for each in workloads if each.restarts and each.renamed_from is not None]
    restarts = sum(each.restarts or 0 for each in restarting)
    unknown = any(each.restarts is None for each in workloads)
    if restarts:
        devices = _sum(each.restarted_devices for each in restarting)
        yield f"{plural(restarts, 'pod')} {_verb(restarts, 'restart')}{_of(devices)}"
    if renamed:
        count = sum(each.restarts or 0 for each in renamed)
        devices = _sum(each.restarted_devices for each in renamed)
        yield (
            f"{plural(count, 'pod')} {_verb(count, 'start')} under another name{_of(devices)}, and "
            "the old ones run until they are deleted"
        )
    if unknown:
        yield (
            "pods of DaemonSets or of other controllers restart too"
            if restarts
            else ("pods of DaemonSets or of other controllers restart")
        )
    starts = sum(each.starts for each in workloads)
    stops = sum(each.stops for each in workloads)
    if starts:
        yield f"{plural(starts, 'pod')} {_verb(starts, 'start')}"
    if stops:
        yield f"{plural(stops, 'pod')} {_verb(stops, 'stop')}"
    if not (restarts or renamed or unknown or starts or stops):
        yield "no pod restarts"


def sections(comparison: Comparison) -> Iterator[Section]:
    """The whole, what matters most first."""
    shown = Shown(comparison)
    for model in comparison.models:
        lines = tuple(_model(model, shown, comparison))
        served = f" ({', '.join(model.served)})" if model.served else ""
        yield Section(f"{model.name}{served}", lines)
    if comparison.others:
        lines = tuple(_workload(each, shown) for each in comparison.others)
        yield Section("Other workloads", lines)
    if comparison.readings:
        yield Section("Configuration that restarts nothing", tuple(_readings(comparison.readings)))
    if comparison.refused:
        lines = tuple(_refusals(comparison.refused, shown))
        yield Section("Changes that the API server refuses", lines)
    if comparison.appear:
        yield Section("Findings that appear", tuple(map(_finding, comparison.appear)))
    if comparison.gone:
        yield Section("Findings that go", tuple(map(_finding, comparison.gone)))
    objects = tuple(_objects(comparison))
    if objects:
        yield Section("Objects", objects, is_detail=True)
    fields = tuple(_fields(comparison, shown))
    if fields:
        yield Section("Fields", fields, is_detail=True)


def _model(model: ModelChange, shown: Shown, comparison: Comparison) -> Iterator[Line]:
    if model.is_new:
        yield Line("new", "nothing served it before")
    elif model.is_gone:
        yield Line("goes", "nothing serves it afterwards, once its objects are deleted")
    elif model.loses_pool and model.old is not None:
        text = f"{model.old.pool} goes, once it is deleted: nothing picks among these engines then"
        yield Line("pool", text, (), "warning")
    if model.switch is not None:
        yield Line("mode", f"{model.switch[0]} → {model.switch[1]}")
    for each in model.workloads:
        if each.is_touched:
            yield _workload(each, shown)
    yield from _outages(model)
    yield from _order(model)
    for name in model.unselected:
        yield Line(
            "requests",
            f"the pool no longer selects the old pods of {name}: they get no requests, while the "
            "new ones start",
        )
    before = {each.name for each in model.engines if each.old}
    if before and before <= set(model.unselected):
        yield Line(
            "outage",
            "the pool selects no engine, and requests fail until the first new pods are Ready",
            (),
            "warning",
        )
    for state in model.mixed:
        for finding in state.findings:
            title, why = state.rules[finding.code]
            where = f"{finding.object}: " if finding.object else ""
            yield Line(
                f"{finding.severity}[{finding.code}]",
                f"{title} while {state.what}: {where}{finding.summary}",
                (why,),
                finding.severity,
            )
    if _both_roll(model) and not model.unselected and not model.mixed:
        yield Line("handover", "old and new prefill and decode stay compatible while both run: "
                   "none of the rules T3xx is broken")  # fmt: skip
    yield from _traffic(model.traffic, stays=_route_stays(model, comparison))
    yield from _devices(model)


def _route_stays(model: ModelChange, comparison: Comparison) -> bool:
    """Whether an old route takes requests until somebody deletes it."""
    routes = [] if model.old is None else [key_of(each.object) for each in model.old.routes]
    return any(
        key_of(pair.old) in routes
        for pair in comparison.pairs
        if pair.old is not None and (pair.new is None or pair.renamed)
    )


def _both_roll(model: ModelChange) -> bool:
    rolling = {each.role for each in model.engines if each.restarts != 0 and not each.renamed_from}
    return {"prefill", "decode"} <= rolling


def _outages(model: ModelChange) -> Iterator[Line]:
    words = {
        "prefill": "no pod prefills",
        "decode": "no pod decodes, and requests fail",
        "both": "no engine answers, and requests fail",
        "picker": "no picker answers (the pool's failureMode says whether requests fail)",
        "encode": "no pod encodes",
    }
    if model.is_gone:
        return
    for role in model.outages():
        yield Line("outage", f"{words[role]} until the first new pod is Ready", (), "warning")
    for role in model.lost():
        yield Line("outage", f"{words[role]} any longer, and none starts", (), "warning")


def _order(model: ModelChange) -> Iterator[Line]:
    """What to apply and to delete first, where new engines take over from old ones."""
    if model.stay and any(each.old is None for each in model.engines):
        names = ", ".join(model.stay)
        yield Line("order", f"old and new engines get requests until {names} "
                   f"{'are' if len(model.stay) > 1 else 'is'} deleted: delete the old ones when "
                   "the new ones are Ready")  # fmt: skip
    elif model.takes_over:
        yield Line(
            "order",
            "all engines are new ones: requests fail from the time that the route leads to them "
            "until they are Ready; apply the route last, and delete the old engines after that",
            (),
            "warning",
        )


def _workload(change: WorkloadChange, shown: Shown) -> Line:
    label = {"both": "engine", None: "workload"}.get(change.role, change.role)
    details = [*_causes(change, shown), *_rollout(change), *_caches(change)]
    return Line(label or "workload", f"{change.name}: {_effect(change)}", tuple(details))


def _effect(change: WorkloadChange) -> str:
    old, new = change.old, change.new
    if old is None and new is not None:
        return f"{_pods(new.count, new.size)} {_starts(new.pods)}{_of(new.all_devices)}"
    if new is None and old is not None:
        return (
            f"{_pods(old.count, old.size)} {_verb(old.pods or 2, 'stop')}{_of(old.all_devices)}, "
            "once it is deleted"
        )
    assert old is not None
    assert new is not None
    parts = []
    if change.refused and change.renamed_from is None:
        parts.append("it is deleted and made again")
    if change.renamed_from is not None:
        started = f"{_pods(new.count, new.size)} {_starts(new.pods)}{_of(new.all_devices)}"
        parts.append(
            f"{started}; {change.renamed_from}, as it was called, runs until it is deleted"
        )
    elif change.restarts is None:
        every = (
            "the pod of every node restarts"
            if old.count is None
            else ("its controller replaces pods as it sees fit")
        )
        parts.append(every)
    elif change.restarts:
        what = _pods(change.replaced, old.size)
        count = change.replaced if old.size > 1 else change.restarts
        parts.append(f"{what} {_verb(count or 0, 'restart')}{_of(change.restarted_devices)}")
    elif change.causes or change.gets_other_devices:
        parts.append("no pod restarts by itself")
    if old.size != new.size:
        parts.append(f"gangs of {old.size} pods become gangs of {new.size}")
    devices = new.devices
    if change.starts and change.renamed_from is None:
        more = _difference(new.all_devices, old.all_devices)
        parts.append(f"{plural(change.starts, 'pod')} {_verb(change.starts, 'start')}{_of(more)}")
    if change.stops:
        less = _difference(old.all_devices, new.all_devices)
        parts.append(f"{plural(change.stops, 'pod')} {_verb(change.stops, 'stop')}{_of(less)}")
    if devices is not None and old.devices is not None and devices != old.devices:
        parts.append(f"{plural(old.devices, 'accelerator')} → {devices} for each copy")
    return ", ".join(parts)


def _causes(change: WorkloadChange, shown: Shown) -> Iterator[str]:
    if change.refused:
        yield f"because {shown.named(change.refused[0])}, which cannot change"
        return
    loud = [each for each in change.causes if noise_of(each) is None]
    if not loud and change.causes:
        names = [shown.field(each.path[-1]) for each in change.causes[:_CAUSES]]
        yield f"because of {', '.join(dict.fromkeys(names))} of the pod template alone"
        return
    if not loud:
        return
    # Few are shown: a new image, by which old and new pods differ the most, is one of them.
    loud.sort(key=lambda each: own_name(each) != "image")
    named = list(dict.fromkeys(shown.named(each) for each in loud))
    more = len(named) - _CAUSES
    yield f"because {'; '.join(named[:_CAUSES])}{f'; and {more} more' if more > 0 else ''}"


def _rollout(change: WorkloadChange) -> Iterator[str]:
    rollout, new = change.rollout, change.new
    if change.old is None or new is None or not (change.causes or change.is_deleted):
        return
    if change.is_deleted:
        if change.renamed_from is None:
            yield "rollout: all old pods stop before new ones start"
        else:
            more = plural(new.all_devices, "accelerator") if new.all_devices else None
            needs = "" if more is None else f", which needs {more} more"
            yield f"rollout: both run until the old one is deleted{needs}"
        return
    if rollout is None or new.count is None:
        return
    copy = "gang" if new.size > 1 else "pod"
    yield f"rollout: {_steps(change, rollout, new, copy)}"
    if new.size > 1 and rollout.strategy == "RollingUpdate":
        yield f"all {max(new.size, change.old.size)} pods of a gang stop and start together"


def _steps(change: WorkloadChange, rollout: Rollout, new: Copies, copy: str) -> str:
    count, devices = new.count or 0, new.devices
    more = None if change.old is None else _difference(devices, change.old.devices)
    if rollout.strategy == "Recreate":
        return f"Recreate: all {copy}s stop, then the new ones start"
    if rollout.strategy == "OnDelete":
        return f"OnDelete: a {copy} stays as it is until somebody deletes it"
    if rollout.strategy == "paused":
        return "the Deployment is paused: nothing is replaced until it is resumed"
    if rollout.strategy == "none":
        return "its controller replaces no pod that runs"
    kept = (
        f"; {plural(rollout.partition, copy)} below the partition stay"
        if (rollout.partition)
        else ""
    )
    if rollout.replaced(count) == 0:
        return f"the partition of {rollout.partition} keeps all {copy}s as they are"
    surge, gone = rollout.surge, min(rollout.unavailable, count)
    if not gone:
        asked = (
            ""
            if not devices
            else (
                f", which needs {plural(change.spare_devices or 0, 'free accelerator')}, or it "
                "waits while the old serve"
            )
        )
        return f"up to {plural(surge, f'new {copy}')} beside the old ones{asked}{kept}"
    if not surge:
        needed = "no free accelerator is needed"
        if more:
            needed = f"each new {copy} needs {plural(more, 'free accelerator')}, or waits"
        return (
            f"in place, {gone} at a time: {_keep(change, count - gone, copy)}, and {needed}{kept}"
        )
    return (
        f"up to {surge} more and {gone} fewer at a time: {_keep(change, count - gone, copy)}; "
        f"without free accelerators it takes those of stopped {copy}s{kept}"
    )


def _keep(change: WorkloadChange, least: int, copy: str) -> str:
    """How many copies keep serving, where at least some of the wanted ones must."""
    before = 0 if change.old is None else change.old.count or 0
    count = 0 if change.new is None else change.new.count or 0
    if before == count:
        return f"{least} of {count} keep serving"
    if least >= before:
        return f"the old {copy}s keep serving until {least} are Ready"
    return f"at least {least} of {plural(before, copy)} keep serving"


def _caches(change: WorkloadChange) -> Iterator[str]:
    if not change.restarts:
        return
    if change.role == "picker":
        yield (
            "what it knows of the prefix caches is lost: until it has seen prompts again, it picks "
            "by load"
        )
    elif change.role in ("prefill", "decode", "both"):
        yield "their KV caches start empty, and each loads the model anew"


def _traffic(traffic: Traffic, *, stays: bool) -> Iterator[Line]:
    until = ", once the old route is deleted" if stays else ""
    for entry in traffic.gone:
        yield Line("route", f"no route takes {_entry(entry)} any longer{until}", (), "warning")
    for entry in traffic.made:
        yield Line("route", f"{_entry(entry)} is routed to it now")
    for shift in traffic.shifts:
        yield Line("traffic", f"{_shift(shift)}{until}")
    for name in traffic.gateways_gone:
        yield Line("route", f"{name} routes to it no longer", (), "warning")
    for name in traffic.gateways_made:
        yield Line("route", f"{name} routes to it now")
    for listener in traffic.listeners:
        text = "listens on {} now" if listener.listens else "no longer listens on {}"
        yield Line("listener", f"{listener.gateway} {text.format(listener.listener)}", (),
                   None if listener.listens else "warning")  # fmt: skip
    for each in traffic.services:
        leads = "leads" if each.leads else "no longer leads"
        text = f"{each.service} {leads} to {each.engine}{' now' if each.leads else ''}"
        yield Line("requests", text, (), None if each.leads else "warning")


def _entry(entry: Entry) -> str:
    host, path = entry
    return f"{host or 'any host'}{path}" if host else f"{path} of any host"


def _shift(shift: Shift) -> str:
    old, new = dict(shift.old), dict(shift.new)
    parts = [
        f"{name} {old.get(name, 0)}% → {new.get(name, 0)}%"
        for name in dict.fromkeys((*old, *new))
        if old.get(name, 0) != new.get(name, 0)
    ]
    return f"of the requests to {_entry(shift.entry)}: {', '.join(parts)}"


def _devices(model: ModelChange) -> Iterator[Line]:
    if model.is_new or model.is_gone or not model.engines:
        return
    found = model.devices
    old, new = found.old, found.new
    if old is None or new is None or found.most is None:
        yield Line("devices", "how many accelerators it has cannot be told")
    elif found.most > max(old, new):
        rolling = any(each.replaced and each.renamed_from is None for each in model.engines)
        yield Line(
            "devices",
            f"{plural(old, 'accelerator')} before, {'up to ' if rolling else ''}{found.most} while "
            f"old and new pods run, {new} after; {found.spare} must be free, or new pods wait",
            ("where they are not free, delete the old engines first: no request is answered until "
             "the new ones are Ready",)
            if model.takes_over
            else (),
        )  # fmt: skip
    elif old != new:
        later = any(each.gets_other_devices and each.restarts == 0 for each in model.engines)
        until = ", once its pods restart" if later else ""
        yield Line("devices", f"{old} → {plural(new, 'accelerator')}{until}")
    elif old:
        yield Line("devices", f"{plural(new, 'accelerator')}, as before")


_WAYS = {
    "environment": "variables keep their values until a restart",
    "files": "mounted files change within about a minute",
    "subPath": "files that are mounted by subPath stay as they are until a restart",
}


def _readings(found: Iterable[Reading]) -> Iterator[Line]:
    for each in found:
        ways = " and ".join(_WAYS[way] for way in each.ways)
        if each.is_picker and "files" in each.ways:
            ways = "the picker reads its configuration when it starts, and keeps the old one"
        kind, _, name = each.source.partition(" ")
        yield Line(kind, f"{name} changes, and no pod of {each.workload} restarts: {ways}")


def _refusals(refused: Iterable[Refusal], shown: Shown) -> Iterator[Line]:
    by_object: dict[str, list[Refusal]] = {}
    for each in refused:
        by_object.setdefault(each.object, []).append(each)
    for name, own in by_object.items():
        fields = ", ".join(shown.field(str(one.change)) for one in own[:_CAUSES])
        details = [shown.named(one.change) for one in own[:_CAUSES]]
        if own[0].users:
            users = ", ".join(dict.fromkeys(own[0].users))
            details.append(
                f"pods of {users} keep the devices that they have until they restart, and nothing "
                "restarts them for it"
            )
        details.append(own[0].source)
        yield Line(
            "refused",
            f"{name}: {fields} cannot change: kubectl apply fails until the object is deleted",
            tuple(details),
            "warning",
        )


def _finding(finding: Finding) -> Line:
    where = " ".join(part for part in (finding.object, finding.path) if part)
    return Line(
        f"{finding.severity}[{finding.code}]",
        f"{where}: {finding.summary}" if where else finding.summary,
        (f"fix: {finding.fix}",),
        finding.severity,
    )


def _objects(comparison: Comparison) -> Iterator[Line]:
    removed = {str(pair) for pair in comparison.pairs if pair.new is None}
    added = {str(pair) for pair in comparison.pairs if pair.old is None}
    for pair in comparison.pairs:
        # Of one name and kind, and of another API group.
        group = f" of {pair.either.group or 'v1'}" if str(pair) in removed & added else ""
        if pair.old is None:
            yield Line("+", f"{pair}{group}")
        elif pair.new is None:
            yield Line("-", f"{pair}{group}")
        elif pair.renamed:
            yield Line("→", f"{pair.old} is {pair.new} now")


def _fields(comparison: Comparison, shown: Shown) -> Iterator[Line]:
    found = folded(comparison.changes)
    for group in found.groups:
        first = group.places[0]
        field = shown.field(group.field)
        objects = list(dict.fromkeys(place.object for place in group.places))
        if len(group.places) == 1:
            where = objects[0]
        else:
            more = len(objects) - _PLACES
            names = ", ".join(objects[:_PLACES]) + (f" and {more} more" if more > 0 else "")
            where = f"in {len(group.places)} places of {names}"
        yield Line("~", f"{field}: {shown.arrow(first.change)}", (where,))
    if found.noise:
        parts = [f"{count} {kind}" for kind, count in found.noise.items()]
        yield Line("folded", ", ".join(parts))


def _pods(count: int | None, size: int) -> str:
    if count is None:
        return "a pod on every node"
    if size > 1:
        return f"{plural(count, 'gang')} of {size} pods"
    return plural(count, "pod")


def _starts(count: int | None) -> str:
    return "starts" if count in (None, 1) else "start"


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def _of(devices: int | None) -> str:
    return f" ({plural(devices, 'accelerator')})" if devices else ""


def _sum(counts: Iterable[int | None]) -> int | None:
    found = list(counts)
    return None if None in found else sum(each or 0 for each in found)


def _difference(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(0, one - other)


def causes_of(change: WorkloadChange) -> tuple[FieldChange, ...]:
    """What makes its pods others, without noise where there is more to say."""
    loud = tuple(each for each in change.causes if noise_of(each) is None)
    return loud or change.causes
