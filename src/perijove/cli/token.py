"""`perijove token create | list | revoke`."""

from argparse import Namespace
from typing import Any
from urllib.parse import quote

from perijove.cli.output import answer, answer_json, moment, remark, table
from perijove.cli.remote import connect, person


def create(given: Namespace) -> None:
    """Make a token; stdout gets the secret and nothing else."""
    body: dict[str, Any] = {"note": given.note or "perijove token create"}
    if given.scope:
        body["scopes"] = given.scope
    if given.expires_in:
        body["expires_in"] = given.expires_in
    made = connect(given).ask("POST", f"{person(given.user)}/tokens", body)
    if given.output == "json":
        answer_json(made)
        return
    remark("This is shown once. Whoever has it may do what it may:")
    answer(made["token"])


def every(given: Namespace) -> None:
    """List somebody's tokens, those of servers and applications included."""
    found = connect(given).get(f"{person(given.user)}/tokens")["api_tokens"]
    if given.output == "json":
        answer_json(found)
        return
    rows = [
        (it["id"], it.get("note") or "", " ".join(it["scopes"])[:60],
         moment(it.get("last_activity"), "never"), moment(it.get("expires_at"), "never"))
        for it in found
    ]  # fmt: skip
    table(("id", "note", "scopes", "last used", "expires"), rows)


def revoke(given: Namespace) -> None:
    """Revoke a token."""
    connect(given).ask("DELETE", f"{person(given.user)}/tokens/{quote(given.id, safe='')}")
    if given.output == "json":
        answer_json({"revoked": given.id})
        return
    answer(f"{given.id} is revoked.")
