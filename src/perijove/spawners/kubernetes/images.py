"""Why an image is not there, from what the kubelet and the container runtime say of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from perijove.model.signal import Signal
from perijove.spawners.kubernetes.said import said

_WORDS = (
    # code, terminal, what one of them says; the first that fits counts
    ("image-platform", True, r"no match for platform"),
    ("image-denied", True, r"unauthorized|authentication required|denied|forbidden|\b40[13]\b"),
    ("image-missing", True, r"not found|manifest unknown|does not exist|no such (image|manifest)"),
    ("image-disk", False, r"no space left"),
    ("image-unreachable", False, r""),
)
_WAITING = {
    "InvalidImageName": ("image-name", True),
    "ErrImageNeverPull": ("image-never", True),
    "ImageInspectError": ("image-broken", False),
    "RegistryUnavailable": ("image-unreachable", False),
}
_FAILED = "Failed to pull image"
_PULL = {"ErrImagePull", "ImagePullBackOff"}


def failed(waiting: Mapping[str, Any], image: str, words: str) -> Signal | None:
    """Return why a container that is `waiting` has no image, or None if that is not why.

    `words`: what `told` returns; the container itself may only say that it backs off.
    """
    reason = waiting.get("reason", "")
    if reason in _WAITING:
        code, terminal = _WAITING[reason]
        return Signal(code=code, params={"image": image}, terminal=terminal)
    if reason not in _PULL:
        return None
    own = str(waiting.get("message") or "")
    why = own if reason == "ErrImagePull" or not words else words
    found = why.lower()
    # A name that cannot be resolved is no image that is missing.
    lost = re.search(r"no such host|lookup .* on |i/o timeout|connection refused|tls:", found)
    for code, terminal, pattern in _WORDS:
        if (code == "image-unreachable") or (not lost and re.search(pattern, found)):
            params = {"image": image, "why": said(why)}
            return Signal(code=code, params=params, terminal=terminal)
    return None


def told(events: Sequence[Mapping[str, Any]]) -> str:
    """Return what the newest of `events` says of a pull that has failed, or ''.

    The kubelet tells it twice: with the words of the registry, then `Error: ErrImagePull`.
    """
    failed = (it for it in reversed(events) if it.get("reason") == "Failed")
    words = (str(it.get("message") or "") for it in failed)
    return next((it for it in words if it.startswith(_FAILED)), "")
