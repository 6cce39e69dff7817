"""Wire: the JSON of an API server, read no further than it is used.

A pod is 4 to 10 KB, of which we use 1: what is left unread costs a tenth of what is read.
"""

from typing import Any, TypeAlias

import msgspec

from perijove.spawners.kubernetes.errors import Unreachable

Object: TypeAlias = dict[str, Any]
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError)
"""What is raised for text that is no JSON, or is not what it should be."""


class Meta(msgspec.Struct):
    """The metadata of an object or of a list."""

    resourceVersion: str = ""  # noqa: N815 - as it stands there
    continue_: str = msgspec.field(default="", name="continue")


class Head(msgspec.Struct):
    """As much of an object as a watch needs to go on."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class Page(msgspec.Struct):
    """A page of a list; its items are still text."""

    items: list[msgspec.Raw] | None = None
    metadata: Meta = msgspec.field(default_factory=Meta)


class Said(msgspec.Struct):
    """A line of a watch; its object is still text."""

    type: str
    object: msgspec.Raw


head = msgspec.json.Decoder(Head).decode
page = msgspec.json.Decoder(Page).decode
said = msgspec.json.Decoder(Said).decode
pack = msgspec.json.Encoder().encode
"""Return any tree as text."""
unpack = msgspec.json.Decoder(Object).decode
"""Return the object that stands in a text."""


def answered(body: bytes) -> Object:
    """Return the object in an answer.

    Raises:
        Unreachable: something else stands there; whoever has answered is no API server.
    """
    try:
        return unpack(body)
    except msgspec.ValidationError as error:
        raise Unreachable("the answer is no object") from error
    except BROKEN as error:
        raise Unreachable("the answer is not JSON") from error
