"""The corpus: inputs that once went a way of their own, one a line, as Python writes bytes."""

from pathlib import Path

from tests.vectors.framing import vectors

FOLDER = Path(__file__).parent / "corpus"
_END = b"\r\n\r\n"


def kept(kind: str) -> list[bytes]:
    """Return what was kept for an oracle."""
    path = FOLDER / f"{kind}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.encode("ascii").decode("unicode_escape").encode("latin-1") for line in lines]


def seeds(kind: str) -> list[bytes]:
    """Return what was kept, and what of the tables of vectors is of that kind."""
    name = "framing-answers.txt" if kind == "response" else "framing-requests.txt"
    whole = [vector.at("/user/ada") for vector in vectors(name)]
    if kind == "chunked":
        parted = [it.partition(_END) for it in whole if b"Encoding: chunked\r\n\r\n" in it]
        return kept(kind) + [body for _, _, body in parted]
    return kept(kind) + [it.partition(_END)[0] + _END for it in whole if len(it) < 5000]


def keep(kind: str, inputs: list[bytes]) -> None:
    """Add inputs to what is kept."""
    lines = sorted({*kept(kind), *inputs}, key=lambda it: (len(it), it))
    if not lines:
        return
    FOLDER.mkdir(exist_ok=True)
    text = "\n".join(it.decode("latin-1").encode("unicode_escape").decode() for it in lines)
    (FOLDER / f"{kind}.txt").write_text(f"{text}\n")
