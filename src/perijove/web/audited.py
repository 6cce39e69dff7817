"""What each call that the audit log tells of is called, for people."""

from collections.abc import Mapping

from perijove.http.reader import noted

ACTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sign-in": (noted("Sign in"), ("POST /login", "POST /first")),
    "sign-out": (noted("Sign out"), ("GET /logout", "POST /logout")),
    "sign-up": (noted("Request an account"), ("POST /signup",)),
    "session-end": (
        noted("Sign out another browser"),
        ("POST /account/sessions", "POST /account/sessions/{session}"),
    ),
    "account": (noted("Change the own account"), ("POST /account",)),
    "password": (
        noted("Change a password"),
        ("POST /account/password", "POST /admin/{user}/password"),
    ),
    "consent": (noted("Allow a program to know who one is"), ("POST /api/oauth2/authorize",)),
    "token-make": (noted("Create a token"), ("POST /users/{user}/tokens", "POST /token")),
    "token-revoke": (
        noted("Revoke a token"),
        ("DELETE /users/{user}/tokens/{token}", "POST /token/revoke/{id}"),
    ),
    "start": (
        noted("Start a server"),
        (
            "POST /users/{user}/server", "POST /users/{user}/servers/{server}", "POST /servers",
            "GET /spawn/{user}", "GET /spawn/{user}/{server}", "POST /spawn/{user}",
            "POST /spawn/{user}/{server}", "POST /start/{user}", "POST /start/{user}/{server}",
        ),
    ),
    "stop": (
        noted("Stop a server"),
        ("DELETE /users/{user}/server", "DELETE /users/{user}/servers/{server}",
         "POST /stop/{user}", "POST /stop/{user}/{server}"),
    ),
    "extend": (
        noted("Let a server run longer"),
        ("POST /users/{user}/server/extend", "POST /users/{user}/servers/{server}/extend",
         "POST /extend/{user}", "POST /extend/{user}/{server}"),
    ),
    "server": (
        noted("Make or change a server"),
        ("PUT /users/{user}/server", "PUT /users/{user}/servers/{server}",
         "PATCH /users/{user}/server", "PATCH /users/{user}/servers/{server}"),
    ),
    "server-delete": (noted("Delete a server"), ("POST /delete/{user}/{server}",)),
    "visit": (
        noted("Open the server of somebody else"),
        ("POST /visit/{user}", "POST /visit/{user}/{server}", "POST /users/{user}/admin-access"),
    ),
    "share": (
        noted("Share a server"),
        ("POST /shares/{user}/{server}", "POST /share-codes/{user}/{server}",
         "POST /share/{user}", "POST /share/{user}/{server}"),
    ),
    "unshare": (
        noted("Share a server no longer"),
        ("PATCH /shares/{user}/{server}", "DELETE /shares/{user}/{server}",
         "DELETE /share-codes/{user}/{server}", "POST /unshare/{user}",
         "POST /unshare/{user}/{server}"),
    ),
    "share-accept": (noted("Accept a shared server"), ("POST /accept-share",)),
    "share-leave": (
        noted("Leave a shared server"),
        ("DELETE /users/{user}/shared/{owner}/{server}",
         "DELETE /groups/{group}/shared/{owner}/{server}", "POST /leave/{owner}",
         "POST /leave/{owner}/{server}"),
    ),
    "add": (noted("Add people"), ("POST /users", "POST /users/{user}", "POST /admin")),
    "change": (noted("Change a person"), ("PATCH /users/{user}", "POST /admin/{user}/change")),
    "approve": (noted("Approve a person"), ("POST /admin/{user}/approve",)),
    "decline": (noted("Decline a person"), ("POST /admin/{user}/decline",)),
    "block": (noted("Block a person"), ("POST /admin/{user}/block",)),
    "delete": (noted("Delete a person"), ("DELETE /users/{user}", "POST /admin/{user}/delete")),
    "people": (noted("Do something with several people"), ("POST /people/{action}",)),
    "group": (
        noted("Make or change a group"),
        ("POST /groups", "POST /groups/{group}", "PUT /groups/{group}/properties"),
    ),
    "members": (
        noted("Change the members of a group"),
        ("POST /groups/{group}/users", "DELETE /groups/{group}/users"),
    ),
    "group-delete": (noted("Delete a group"), ("DELETE /groups/{group}",)),
    "service": (
        noted("Make or delete a service"),
        ("POST /services/{service}", "DELETE /services/{service}"),
    ),
    "restore": (noted("Restore a home folder"), ("POST /trash/{key}/restore",)),
    "empty": (
        noted("Delete a home folder for good"),
        ("DELETE /trash/{key}", "POST /trash/{key}/empty"),
    ),
    "proxy": (noted("Check or move the proxy"), ("POST /proxy", "PATCH /proxy")),
    "reload": (noted("Reload the configuration"), ("POST /reload",)),
    "shutdown": (noted("Shut the platform down"), ("POST /shutdown",)),
}  # fmt: skip
"""By the word that the address of a page has for it: what it is, and its calls."""
WORDS: Mapping[str, str] = {call: words for words, calls in ACTIONS.values() for call in calls}

LABELS: Mapping[str, str] = {
    "user": noted("person"),
    "users": noted("people"),
    "owner": noted("owner"),
    "server": noted("server"),
    "starts": noted("server"),
    "stops": noted("servers that stop"),
    "servers": noted("servers stop as well"),
    "user_options": noted("options"),
    "group": noted("group"),
    "groups": noted("groups"),
    "joins": noted("groups joined"),
    "leaves": noted("groups left"),
    "properties": noted("properties"),
    "done": noted("confirmed"),
    "service": noted("service"),
    "fields": noted("settings"),
    "client": noted("program"),
    "token": noted("token"),
    "id": noted("token"),
    "note": noted("purpose"),
    "scopes": noted("permissions"),
    "signed_out": noted("signed out by the authenticator"),
    "share_code": noted("link"),
    "until": noted("until"),
    "session": noted("browser session"),
    "name": noted("name"),
    "display_name": noted("name that is shown"),
    "language": noted("language"),
    "admin": noted("administrator"),
    "standing": noted("state"),
    "password": noted("password"),
    "auth_state": noted("auth state"),
    "why": noted("why"),
    "action": noted("action"),
    "remove": noted("deleted as well"),
    "key": noted("home folder"),
    "home_of": noted("home folder of"),
    "into": noted("into"),
    "changes": noted("changes"),
    "restored": noted("put back"),
    "api_url": noted("address of the proxy"),
    "auth_token": noted("token of the proxy"),
    "refused_before": noted("refused before, not told"),
}
"""What the members of an entry are called; one that is not here is shown as it is written."""
SIGNED_OUT = noted("Signed out by the authenticator, to sign in again")
"""What it is called, whatever the call was."""
MEANS: Mapping[str, str] = {
    "session": noted("session"),
    "password": noted("password"),
    "token": noted("token"),
    "oauth token": noted("token of a program"),
}
"""What the log calls that by which somebody was known."""
