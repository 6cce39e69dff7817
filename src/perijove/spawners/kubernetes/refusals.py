"""What an API server refuses to make, as a signal with a code of ours."""

import re

from perijove.model.signal import Params, Signal
from perijove.spawners.amounts import quantity
from perijove.spawners.kubernetes.errors import Forbidden, Refusal
from perijove.spawners.kubernetes.said import said

_QUOTA = re.compile(r"exceeded quota: [^,]+, requested: (?P<wanted>.*), used: .*, limited: (.*)")
_AMOUNT = re.compile(r"([\w./-]+)=([\w.]+)")
_RANGE = re.compile(r"(?:maximum|minimum) \S+ usage per \w+ is|max limit to request ratio per")
"""What a LimitRange says."""
_POLICY = re.compile(r"admission webhook|violates PodSecurity|denied the request|is forbidden:")


def refusal(error: Refusal) -> Signal:
    """Return why; terminal unless the same may be taken later."""
    why = said(error.message)
    if isinstance(error, Forbidden):
        params: Params = {"verb": error.verb, "resource": error.resource, "why": why}
        return Signal(code="not-permitted", params=params, terminal=True)
    quota = _QUOTA.search(error.message)
    if quota or "exceeded quota" in error.message:
        never = quota is not None and _beyond(quota[1], quota[2])
        code = "quota-never" if never else "quota"
        return Signal(code=code, params={"why": why}, terminal=never)
    if _RANGE.search(error.message):
        return Signal(code="quota-never", params={"why": why}, terminal=True)
    code = "admission-denied" if _POLICY.search(error.message) else "pod-invalid"
    return Signal(code=code, params={"why": why}, terminal=True)


def _beyond(wanted: str, limited: str) -> bool:
    """Return whether it asks for more than the whole quota."""
    most = dict(_AMOUNT.findall(limited))
    try:
        return any(
            name in most and quantity(amount) > quantity(most[name])
            for name, amount in _AMOUNT.findall(wanted)
        )
    except ValueError:
        return False
