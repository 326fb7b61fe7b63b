"""Trace lines: a trace in sentences, for people.

Here: what each step of a trace says, and how deep it stands in the tree.
Not here: finding the steps (trace.py), colours and boxes (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Line = tuple[int, str]

_SERVICES = {"children": "children's services", "adults": "adults' services"}
_FLIPS = 5  # as many inputs that alone could change a star are named
_ASPECTS = {"serving": "serving people well", "prospects": "prospects for improvement"}


def lines(trace: dict[str, Any]) -> list[Line]:
    """A trace as (depth, sentence) pairs, in the order to be shown; each sentence is one line."""
    told: set[str] = set()
    found = [
        *_head(trace, told),
        *_evidence(trace, told),
        *_judgements(trace, told),
        *_figures(trace, told),
    ]
    return [(depth, visible(sentence)) for depth, sentence in found]


def visible(sentence: str) -> str:
    """A sentence without control characters: the sources' names write no lines of their own."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in sentence)


def _head(trace: dict[str, Any], told: set[str]) -> Iterator[Line]:
    body, found, star = trace["organisation"], trace["snapshot"], trace["star"]
    if found is None:
        yield 0, f"{body['name']}: figures as the log knows them, without a rating"
        return
    method = found["method"]
    if star is None:
        yield 0, f"{body['name']}: bands under {method['id']}, which has no overall star"
    elif star["star"] is None:
        yield 0, f"{body['name']}: {star['rating_status'].replace('_', ' ')} under {method['id']}"
    else:
        yield (
            0,
            f"{body['name']}: {star['star']} {'star' if star['star'] == 1 else 'stars'} under {method['id']}",
        )
    warning = ", SIMULATED figures of an invented council" if found["simulated"] else ""
    yield 1, f"method: {method['title']}, version {method['version']}, {method['status']}{warning}"
    yield (
        1,
        f"snapshot {found['id']}: as published by {found['as_published']}, as recorded up to position "
        f"{found['as_recorded']}",
    )
    if checkpoint := found["checkpoint"]:
        yield (
            1,
            f"checkpoint beside it: log {checkpoint['origin']}, {checkpoint['size']} batches up to "
            f"position {checkpoint['position']}, root {checkpoint['root']}",
        )
    if star is None:
        return
    yield 1, f"rule: {star['rule']}"
    if decision := trace["decision"]:
        yield 1, f"computed: {_stars(star['computed_star'])}; {decided(decision)}"
        yield from source_lines(2, decision["event"], decision["source"], told)
    if star["oldest_deciding_age_days"] is not None:
        yield (
            1,
            f"rests on {counted(star['inputs'], 'figure')}: the oldest, {star['oldest_deciding_indicator']}, "
            f"is {star['oldest_deciding_age_days']} days old; {star['out_of_date_inputs']} out of date, "
            f"{star['missing_inputs']} missing",
        )
    yield from why(trace)
    if published := trace["published"]:
        stars = published["says"].get("stars")
        same = star["star"] is not None and stars == str(star["star"])
        yield 1, f"published then: {stars} stars{' (the same)' if same else ''}"
        yield from source_lines(2, published["event"], published["source"], told)


def why(trace: dict[str, Any]) -> Iterator[Line]:
    """What bound a star, what would change it, and whether fresh data could; from depth 1 on."""
    yield from _bound(trace)
    yield from _could_change(trace)


def _bound(trace: dict[str, Any]) -> Iterator[Line]:
    """The caps that applied, how little would give another star, and which inputs the star hangs on."""
    for cap in trace["caps"]:
        figures = ""
        if cap["value"] is not None:
            figures = f" ({number_of(cap['value'])} against its threshold of {number_of(cap['threshold'])})"
        yield 1, f"cap: {cap['part']} from {cap['from']!r} to {cap['to']!r} by {cap['by']}{figures}"
    star = trace["star"]
    if star["computed_star"] is None or "star_without_red" not in star:
        return  # snapshots of before schema version 4 do not say
    for direction, verb in (("up", "raise"), ("down", "lower")):
        near = [r["says"] for r in trace["counterfactuals"] if r["nearest"] and r["direction"] == direction]
        for says in near:
            yield 1, f"would {verb} it: {says}"
        if not near:
            yield 1, f"no one figure or judgement alone would {verb} it"
    rests = trace["rests_on"]
    named = ", ".join(f"{row['indicator']} ({row['grade']})" for row in rests[:_FLIPS])
    more = f" and {len(rests) - _FLIPS} more" if len(rests) > _FLIPS else ""
    yield (
        1,
        f"hangs on {named}{more}: left out alone, it would be another or none"
        if rests
        else ("hangs on no one figure: left out alone, none would make it another"),
    )
    if star["red_inputs"]:
        without = star["star_without_red"]
        says = "the same" if without == star["computed_star"] else _stars(without)
        yield 1, f"{counted(star['red_inputs'], 'figure')} of indicators graded red; without them: {says}"


def _stars(star: int | None) -> str:
    return "no star" if star is None else counted(star, "star")


def _evidence(trace: dict[str, Any], told: set[str]) -> Iterator[Line]:
    for item in trace["evidence"]:
        says = item["says"]
        about = [_SERVICES.get(says.get("service", ""), ""), item["indicator"], says.get("finding")]
        of = ", ".join([f"{says['kind']} of {day_of(item['published_at'])}", *filter(None, about)])
        yield 1, f"{of}: {says['says']}"
        yield from source_lines(2, item["event"], item["source"], told)


def _could_change(trace: dict[str, Any]) -> Iterator[Line]:
    """Whether fresh data could change the star, and what would."""
    star = trace["star"]
    answer = star.get("could_fresh_data_change_it")  # snapshots of before schema 3 do not say
    if answer is None:
        return
    if answer == "never":
        yield 1, f"fresh data could never change it; {star['held_fixed']}"
        return
    reach = f"{star['lowest_star']} to {star['highest_star']}"
    yield (
        1,
        f"fresh data could {answer} change it: {reach} stars with all that is missing or out of date; "
        f"{star['held_fixed']}",
    )
    alone = trace["flips"]
    for row in alone[:_FLIPS]:
        yield 2, f"{row['indicator']} alone: {row['other_stars']}"
    if len(alone) > _FLIPS:
        yield 2, f"{len(alone) - _FLIPS} more alone: freshness.parquet, column other_stars"


def decided(decision: dict[str, Any]) -> str:
    """Who decided what, until when, and why."""
    says = decision["says"]
    if not says:
        return "decided; what the decision said was purged"
    becomes = f" to {says['becomes']}" if says["becomes"] is not None else ""
    until = f" until {day_of(says['expires_at'])}" if says["expires_at"] else ""
    document = f", see {says['document']}" if says["document"] else ""
    return (
        f"decided: {says['outcome'].replace('_', ' ')}{becomes} by {says['authority']}, "
        f"from {day_of(decision['published_at'])}{until} ({decision['reason']}{document})"
    )


def part_title(judgement: dict[str, Any]) -> str:
    """What a part of a rating is called in sentences."""
    service = _SERVICES.get(judgement["service"], judgement["service"])
    aspect = _ASPECTS.get(judgement["aspect"], judgement["aspect"].replace("_", " "))
    return f"{service}, {aspect}" if service else aspect


def _judgements(trace: dict[str, Any], told: set[str]) -> Iterator[Line]:
    for judgement in trace["judgements"]:
        yield 1, f"{part_title(judgement)}: {judgement['judgement'] or 'no judgement'}"
        yield 2, f"rule: {judgement['rule']}"
        if cap := judgement["cap"]:
            figure = "" if cap["value"] is None else f" is {number_of(cap['value'])}"
            figure += "" if cap["threshold"] is None else f", threshold {number_of(cap['threshold'])}"
            yield 2, f"capped from {judgement['computed_judgement']}: {cap['indicator']}{figure}"
        if decision := judgement["decision"]:
            yield 2, f"without the decision: {judgement['undecided_judgement']}; {decided(decision)}"
            yield from source_lines(3, decision["event"], decision["source"], told)
        if judgement["thresholds_met"]:
            yield 2, f"key thresholds that did not bind: {', '.join(judgement['thresholds_met'])}"
        if event := judgement["event"]:
            said = f": {event['says']['judgement']!r}" if event["says"] else ""  # nothing where it was purged
            yield 2, f"recorded{said}, published {day_of(event['published_at'])}"
            yield from source_lines(3, event["event"], event["source"], told)
        elif judgement["inputs"] is not None:
            yield 2, f"from {counted(judgement['inputs'], 'band')}, {judgement['missing']} missing"


def _figures(trace: dict[str, Any], told: set[str]) -> Iterator[Line]:
    for figure in trace["figures"]:
        if figure["value"] is None and figure["event"] is None and not figure["history"]:
            yield 1, f"{figure['indicator']} {figure['title']}: no figure"
            yield from _queries(figure)
            continue
        value = "missing" if figure["value"] is None else f"{number_of(figure['value'])} {figure['unit']}"
        band = f", {figure['band_label']}" if figure.get("band_label") else ""
        key = " (key indicator)" if figure["key"] else ""
        yield 1, f"{figure['indicator']} {figure['title']}{key}, {figure['period_words']}: {value}{band}"
        if figure.get("band_reason"):
            yield 2, figure["band_reason"]
        if figure.get("inherited_from"):
            yield 2, f"reported by its predecessor {figure['inherited_from']}, before a reorganisation"
        if figure.get("age_days") is not None:
            state = (figure["freshness"] or "").replace("_", " ")
            yield (
                2,
                f"{figure['age_days']} days old, counted from the end of its period; {state} by its calendar",
            )
        if quality := figure["quality"]:
            yield 2, f"quality of the indicator: {quality['grade']}"
            if quality["grade"] != "green":
                yield from ((3, reason) for reason in quality["reasons"])
        yield from _queries(figure)
        if figure["decides"]:
            yield 2, f"counts for {', '.join(figure['decides'])}"
        if figure["source"]:
            yield from source_lines(2, figure["event"], figure["source"], told)
        if figure["history"] is not None:
            for version in figure["history"]:
                yield from _version(2, version)
        elif any(figure["revisions"].values()):
            revisions = figure["revisions"]
            yield (
                2,
                f"versions: {revisions['before']} before this one, {revisions['after']} after it; "
                f"--indicator {figure['indicator']} shows them",
            )


def _queries(figure: dict[str, Any]) -> Iterator[Line]:
    for query in figure["queries"]:
        yield 2, f"query {query['query']}, {query['state']}: {query['question']} ({query['found']})"
        if query["answer"] is not None:
            yield 3, f"answered by {query['answered_by']}: {query['answer']}"
        if query["accepted_by"] is not None:
            yield 3, f"accepted by {query['accepted_by']}: {query['reason']}"


def _version(depth: int, version: dict[str, Any]) -> Iterator[Line]:
    said = (
        f"withdrawn ({version['reason']})"
        if version["type"] == "withdrawal"
        else "missing"
        if version["value"] is None
        else number_of(version["value"])
    )
    marks = [version["obs_status"] or ""] if version["type"] == "observation" else []
    marks += ["used here"] if version["used"] else []
    marks += [f"voided by batch {version['voided_by']}"] if version["voided_by"] else []
    yield (
        depth,
        f"version: {said} [{', '.join(m for m in marks if m)}] published {day_of(version['published_at'])}, "
        f"recorded {day_of(version['recorded_at'])}, event {version['event']}",
    )


def source_lines(depth: int, event: int, source: dict[str, Any], told: set[str]) -> Iterator[Line]:
    """Batch, file and cells of an event; publisher, licence and whole hash only where the file is new."""
    batch, file = source["batch"], source["file"]
    recorded = f"recorded {day_of(batch['recorded_at'])} by {batch['actor']}"
    if file is None:
        yield depth, f"event {event} of batch {batch['id']}: entered by hand, {recorded}"
        return
    yield (
        depth,
        f"event {event} of batch {batch['id']}: file published {day_of(batch['published_at'])} "
        f"({batch['published_basis']}), received {day_of(batch['received_at'])}, {recorded}",
    )
    origin = f" from {file['publisher']} ({file['licence']})"
    known = file["sha256"] in told
    told.add(file["sha256"])
    yield (
        depth,
        f"file {file['name']}{'' if known else origin}, SHA-256 "
        + (f"{file['sha256'][:12]}... as above" if known else file["sha256"]),
    )
    sheet = f"sheet {source['sheet']}, " if source["sheet"] else ""
    cells = "; ".join(
        f"column {cell['column']!r}" + ("" if cell["text"] is None else f" says {cell['text']!r}")
        for cell in source["cells"]
    )
    yield depth, f"{sheet}row {source['row']}: {cells}"
    if purged := source["purged"]:
        yield (
            depth,
            f"what it said was removed under the authority of {purged['authority']}, batch {purged['batch']}",
        )
    if source["problem"]:
        yield depth, f"!!! NOT PROVEN: the cell could not be read back: {source['problem']}"


def counted(number: int, noun: str) -> str:
    """`1 star`, `2 stars`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def number_of(value: float) -> str:
    """A number in as many digits as it has, ten at most."""
    return f"{value:.10g}"


def day_of(time: str | None) -> str:
    """A time, as a day where it is the beginning of one."""
    return "at an unknown time" if time is None else time.removesuffix("T00:00:00Z")
