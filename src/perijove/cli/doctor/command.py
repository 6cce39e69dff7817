"""The checks in their order, and what is told about them."""

import os
from argparse import Namespace
from collections.abc import Iterator
from urllib.parse import urlsplit

from perijove.cli.box import Box
from perijove.cli.doctor import machine
from perijove.cli.doctor.accounts import accounts
from perijove.cli.doctor.devices import gpus
from perijove.cli.doctor.finding import Finding, Health, bad, good, skipped
from perijove.cli.doctor.knock import echoed
from perijove.cli.doctor.trial import real_start
from perijove.cli.output import answer, answer_json
from perijove.cli.remote import Remote, connect
from perijove.cli.source import Gone, file_of
from perijove.cli.spawner import in_cluster, require_fitting
from perijove.settings import Settings, read

UNHEALTHY = 7
_MARKS = {Health.GOOD: "✓", Health.RISKY: "!", Health.BAD: "✗", Health.SKIPPED: "-"}


def command(given: Namespace) -> int:
    """Run every check; return 0, or 7 if one of them is bad."""
    language = given.language or _language()
    require_fitting(given)
    findings = []
    box = None if in_cluster(given) and given.data is None else Box.at(given.data)
    for finding in checks(given, box, language):
        findings.append(finding)
        if given.output != "json":
            _tell(finding, language)
    healthy = not any(it.health is Health.BAD for it in findings)
    if given.output == "json":
        shown = [_as_json(it, language) for it in findings]
        file = findings[0].params.get("file")
        answer_json({"healthy": healthy, "file": file, "findings": shown})
    return 0 if healthy else UNHEALTHY


def checks(given: Namespace, box: Box | None, language: str) -> Iterator[Finding]:
    """Yield what each check finds, in the order in which one needs the other."""
    settings = None
    try:
        given.file = file_of(given, box) if box else given.file  # what all others judge as well
    except Gone as gone:
        yield bad("config", "config.gone", file=str(gone.file))
    else:
        reading = read(given.file, os.environ, cluster=in_cluster(given))
        yield machine.config(reading, given.file)
        settings = reading.settings
    yield machine.sign_in(settings) if settings else skipped("sign-in", "config")
    if in_cluster(given):
        yield from _of_a_cluster(given, settings, box, language)
    elif box is not None:
        yield from _of_a_box(given, settings, box, language)


def _of_a_box(
    given: Namespace, settings: Settings | None, box: Box, language: str
) -> Iterator[Finding]:
    """Yield what is found on one machine."""
    there = machine.data(box)
    yield there
    if there.health is Health.BAD:
        yield from (
            skipped(it, "data")
            for it in ("disk", "limits", "gpus", "accounts", "database", "ports", "websocket")
        )
        yield skipped("start", "data")
        return
    yield machine.disk(box)
    yield machine.limits()
    yield gpus(settings) if settings else skipped("gpus", "config")
    yield accounts(settings, box, given.file) if settings else skipped("accounts", "config")
    yield machine.database(settings, box, language) if settings else skipped("database", "config")
    ports = machine.ports(box, box.base_url())
    yield ports
    yield from _of_the_hub(given, box, ports)


def _of_a_cluster(
    given: Namespace, settings: Settings | None, box: Box | None, language: str
) -> Iterator[Finding]:
    """Yield what is found in a cluster, and in the hub's own directory if it is here."""
    from perijove.cli.doctor.cluster import checks  # noqa: PLC0415 - a box needs none of it
    from perijove.cli.doctor.turns import each  # noqa: PLC0415

    if box is not None:
        yield machine.disk(box)
        yield (
            machine.database(settings, box, language) if settings else skipped("database", "config")
        )
    yield from each(checks(given, settings, language))


def _of_the_hub(given: Namespace, box: Box, ports: Finding) -> Iterator[Finding]:
    """Yield what can only be found out from a hub that answers."""
    if ports.health is Health.BAD:
        yield skipped("websocket", "ports")
        yield skipped("start", "ports")
        return
    remote = connect(given)
    yield _websocket(remote)
    if not given.no_start:
        yield real_start(remote, box)


def _websocket(remote: Remote) -> Finding:
    place = urlsplit(remote.public)
    scheme = "wss" if place.scheme == "https" else "ws"
    url = f"{scheme}://{place.netloc}{place.path}hub/api/echo"
    why = echoed(url)
    return bad("websocket", "websocket.blocked", url=url, why=why) if why else good("websocket")


def _tell(finding: Finding, language: str) -> None:
    answer(f"{_MARKS[finding.health]} {finding.check:10}{finding.sentence(language)}")
    if finding.health in {Health.BAD, Health.RISKY}:
        answer(f"  {'':10}{finding.remedy(language)} [{finding.code}]")


def _as_json(finding: Finding, language: str) -> dict[str, object]:
    return {
        "check": finding.check,
        "health": finding.health.value,
        "code": finding.code,
        "params": finding.params,
        "sentence": finding.sentence(language),
        "remedy": finding.remedy(language),
    }


def _language() -> str:
    """Return the language of the account, as its environment says."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    said = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return "zh" if said.startswith("zh") else "en"
