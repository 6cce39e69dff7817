"""Paths at the proxy: what has no canonical form is refused."""

from perijove.kit import paths
from perijove.kit.paths import has_dots, without_dots
from perijove.proxy.refusal import Refusal

__all__ = ["canonical", "has_dots", "without_dots"]


def canonical(path: bytes) -> bytes:
    """Return `path` as it is compared: two paths are the same if this is.

    Raises:
        Refusal: an incomplete escape, or a control character, escaped or not.
    """
    try:
        return paths.canonical(path)
    except ValueError:
        raise Refusal(400, "bad-path") from None
