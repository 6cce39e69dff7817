"""A scene: two hubs on a cluster where something is wrong for everybody who starts a server.

`open` may all that a hub may; `narrow` sees no machine, makes no claim, and has a LimitRange.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from perijove.spawners.kubernetes.rights import NEEDED, Right
from tests.cluster import obstacles
from tests.cluster.account import account, speaking
from tests.cluster.kit.images import STUB
from tests.cluster.kit.places import REGISTRY
from tests.cluster.kubectl import Kubectl
from tests.cluster.own_hub import ADMINISTRATOR, Beside
from tests.cluster.registry import registry
from tests.cluster.sentence import Sentence
from tests.cluster.troubles import Trouble

LANGUAGES = ("en", "zh")
_LONGEST = 240.0
_AT_ONCE = 12
"""So many starts, so that the seconds of one are not those of a crowd."""
_AGAIN = 2.0
_FEW = [it for it in NEEDED if it != Right("create", "persistentvolumeclaims")]
_LONGER = 30.0
"""Seconds for which a trouble is waited for in vain beyond those it may take."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What programs and people were told of a start, read as soon as it was there."""

    seconds: float
    message: str
    failed: bool
    reason: str | None
    """The code in the model of the server."""
    in_chinese: list[str]
    """What a program is told that asks for Chinese."""
    pages: dict[tuple[str, str], str]
    """The text of its page, by who reads it and in which language."""


@dataclass(kw_only=True)
class Scene:
    """The hubs by place, and what comes of each start."""

    kubectl: Mapping[str, Kubectl]
    hubs: Mapping[str, Beside]
    results: dict[str, Future[Told]] = field(default_factory=dict[str, Future[Told]])

    def filled(self, text: str) -> str:
        """Return a text of a trouble as it is here."""
        return filled(text, self.kubectl["open"].namespace)

    def told(self, trouble: Trouble) -> Told:
        """Return what was told of a start, once it is."""
        return self.results[trouble.person].result(_LONGEST)

    def begin(self, trouble: Trouble) -> Told:
        """Start a server, do what befalls it, and wait until the trouble is told."""
        hub, name = self.hubs[trouble.place], trouble.person
        kubectl, pod = self.kubectl[trouble.place], f"jupyter-{name}"
        if trouble.before is not None:
            trouble.before(kubectl, pod)
        hub.add(name)
        began = time.monotonic()
        hub.start(name, name)
        if trouble.deed is not None:
            kubectl.until(f"{pod} is there", partial(there, kubectl, pod))
            trouble.deed(kubectl, pod)
            began = time.monotonic()
        event = first(hub, trouble)
        seconds = time.monotonic() - began
        time.sleep(trouble.calm)
        return Told(
            seconds=seconds,
            message=event["message"],
            failed=bool(event.get("failed")),
            reason=hub.ask("GET", f"/users/{name}/server").json()["reason"],
            in_chinese=[it["message"] for it in hub.progress(name, "zh", _AGAIN)],
            pages={
                (reader, language): text
                for reader in ((name, ADMINISTRATOR) if trouble.page else ())
                for language, text in hub.pages(name, reader, LANGUAGES)
            },
        )


def first(hub: Beside, trouble: Trouble) -> dict[str, Any]:
    """Return the event in which a trouble is told; if it ends the start, that which says so."""
    wanted, seen = Sentence.of(trouble.code, "en"), list[str]()
    for event in hub.progress(trouble.person, "en", trouble.within + _LONGER):
        if wanted.stands_in(event["message"]) and (event.get("failed") or not trouble.ends):
            return event
        seen.append(event["message"])
    raise AssertionError(f"{trouble.code} is not told, but {seen}")


def there(kubectl: Kubectl, pod: str) -> bool:
    return bool(kubectl("get", "pod", pod, "--ignore-not-found"))


def filled(text: str, namespace: str) -> str:
    return text.replace("$NS", namespace).replace("$REGISTRY", REGISTRY)


def _settings(troubles: Sequence[Trouble], place: str, namespace: str) -> dict[str, Any]:
    """Return the settings of a hub whose profiles are the troubles of its place."""
    name, _, tag = STUB.tag.partition(":")
    here = [it.profile() for it in troubles if it.place == place]
    tree = {
        "singleuser": {
            "image": {"name": name, "tag": tag, "pullPolicy": "IfNotPresent"},
            "memory": {"guarantee": "16M"},
            "storage": {"type": "none"},
            "startTimeout": 600,
            "profileList": here,
        }
    }
    found: dict[str, Any] = json.loads(filled(json.dumps(tree), namespace))
    return found


@contextmanager
def scene(folder: Path, cluster: Kubectl, troubles: Sequence[Trouble]) -> Iterator[Scene]:
    """Yield a scene in which every one of `troubles` has begun."""
    name = f"signals-{secrets.token_hex(3)}"
    spaces = {"open": name, "narrow": f"{name}-narrow"}
    kubectls = {place: cluster.within(space) for place, space in spaces.items()}
    with ExitStack() as stack:
        stack.callback(obstacles.clear, cluster, name)
        obstacles.put(kubectls["open"], kubectls["narrow"])
        configs = {"open": cluster.config, "narrow": folder / "narrow.kubeconfig"}
        token = account(kubectls["narrow"], "hub", _FEW)
        speaking(kubectls["narrow"], configs["narrow"], token)
        stack.enter_context(registry(REGISTRY))
        hubs = {
            place: stack.enter_context(
                Beside(
                    folder=folder / place,
                    kubeconfig=configs[place],
                    namespace=space,
                    tree=_settings(troubles, place, name),
                ).running()
            )
            for place, space in spaces.items()
            if any(it.place == place for it in troubles)
        }
        it = Scene(kubectl=kubectls, hubs=hubs)
        threads = stack.enter_context(ThreadPoolExecutor(max_workers=_AT_ONCE))
        longest_first = sorted(troubles, key=lambda each: -each.within)
        it.results.update({each.person: threads.submit(it.begin, each) for each in longest_first})
        yield it
