"""Entries of a kubeconfig: one cluster, user or context as it stands in its file."""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from perijove.spawners.kubernetes import tls
from perijove.spawners.kubernetes.errors import BadKubeconfig

Tree: TypeAlias = dict[str, Any]

_ANOTHER = "Choose another with --kubeconfig FILE."
_ANEW = "Fetch the kubeconfig anew from your cluster."


@dataclass(frozen=True, slots=True)
class Entry:
    """One of them; paths in it are relative to its file."""

    file: Path
    title: str
    tree: Tree = field(repr=False)

    def bad(self, words: str) -> BadKubeconfig:
        """Return the error that says `words` of it."""
        return BadKubeconfig(f"{self.file}: {self.title}: {words}.")

    def text(self, key: str) -> str:
        """Return the text at `key`, '' if there is none."""
        found = self.tree.get(key)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise self.bad(f"{key} must be a text")
        return found

    def path(self, name: str) -> Path:
        """Return the file `name`, which may be relative to this one."""
        return self.file.parent / Path(name).expanduser()

    def certificate(self, key: str) -> str:
        """Return the certificates of `key`, a file, or of `key`-data; '' if there is neither."""
        found = self.pem(key)
        if found and not tls.is_certificate(found):
            raise self.bad(f"{key} holds no certificate in PEM. {_ANEW.rstrip('.')}")
        return found

    def pem(self, key: str) -> str:
        """Return the text of `key`, a file, or of `key`-data, which wins; '' if neither."""
        data = f"{key}-data"
        if data in self.tree:
            return self._decoded(data)
        name = self.text(key)
        if not name:
            if key in self.tree:
                raise self.bad(f"{key} is empty: it must name a file")
            return ""
        try:
            return self.path(name).read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise self.bad(f"{key} {self.path(name)} cannot be read ({why})") from error

    def _decoded(self, key: str) -> str:
        encoded = self.text(key)
        if not encoded.strip():
            raise self.bad(f"{key} is empty. {_ANEW.rstrip('.')}")
        try:
            return b64decode("".join(encoded.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise self.bad(f"{key} is not base64 of PEM. {_ANEW.rstrip('.')}") from error


def load(path: Path) -> Tree:
    """Return the tree in the file `path`."""
    try:
        tree = yaml.safe_load(path.read_bytes())
    except FileNotFoundError as error:
        raise BadKubeconfig(f"The kubeconfig {path} does not exist. {_ANOTHER}") from error
    except OSError as error:
        raise BadKubeconfig(
            f"The kubeconfig {path} cannot be read ({error.strerror}). {_ANOTHER}"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise BadKubeconfig(f"The kubeconfig {path} is not YAML{line}. {_ANOTHER}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict) or tree.get("kind", "Config") != "Config":
        raise BadKubeconfig(f"{path} is not a kubeconfig. {_ANOTHER}")
    return tree


def named(tree: Tree, section: str, path: Path) -> Iterator[tuple[str, Entry]]:
    """Yield the entries of `section` by name; `clusters` hold a `cluster`, and so on."""
    one = section.removesuffix("s")
    for item in tree.get(section) or []:
        inside = item.get(one) if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise BadKubeconfig(f"{path}: an entry of {section} has no name. {_ANOTHER}")
        if inside is not None and not isinstance(inside, dict):
            raise BadKubeconfig(f"{path}: {one} {item['name']!r} is empty. {_ANOTHER}")
        yield item["name"], Entry(path, f"{one} {item['name']!r}", inside or {})


def certificate(text: str, source: str) -> str:
    """Return `text`, which must hold a certificate."""
    if not tls.is_certificate(text):
        what = "holds no certificate in PEM" if text.strip() else "is empty"
        raise BadKubeconfig(f"{source} {what}. {_ANEW}")
    return text
