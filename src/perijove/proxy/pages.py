"""What the proxy says by itself, in English and Chinese, when the hub cannot say it."""

# ruff: noqa: RUF001 - Chinese has its own comma

import json
from dataclasses import dataclass

PHRASES = {
    200: b"OK",
    201: b"Created",
    204: b"No Content",
    301: b"Moved Permanently",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    414: b"URI Too Long",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}
HEALTH = frozenset((b"/_perijove/health", b"/_chp_healthz"))
"""Paths at which a health check asks; they are answered without a route."""
_SENTENCES = {
    "bad-answer": (
        "The server gave an answer that cannot be understood. Try again.",
        "服务器的应答无法识别，请重试。",
    ),
    "bad-path": (
        "The address has a wrong escape or a control character.",
        "地址中含有错误的转义或控制字符。",
    ),
    "crowded": (
        "Too many connections are open just now. Try again in a minute.",
        "当前连接过多，请稍后重试。",
    ),
    "crowded-address": (
        "Too many connections from your address are open just now. Close some and try again.",
        "来自你所在地址的连接过多，请关闭一些后重试。",
    ),
    "hub-away": (
        "Perijove does not answer just now. Running servers go on; try again in a minute.",
        "平台暂时没有响应。正在运行的服务器不受影响，请稍后重试。",
    ),
    "malformed": ("This is not a valid HTTP request.", "这不是有效的 HTTP 请求。"),
    "no-route": (
        "Nothing answers at this address.",
        "该地址没有对应的服务。",
    ),
    "server-away": (
        "This server does not answer just now. It may be starting or have stopped; try again.",
        "该服务器暂时没有响应，可能正在启动或已停止，请重试。",
    ),
    "sign-ins": (
        "Too many sign-ins from your address just now. Try again in a moment.",
        "来自你所在地址的登录过于频繁，请稍后重试。",
    ),
    "slow": ("The request took too long to arrive.", "请求到达得太慢。"),
    "slow-body": (
        "The rest of the request did not arrive in time. Try again.",
        "请求的其余部分未能及时到达，请重试。",
    ),
    "too-large": ("The head of the request is too large.", "请求头过大。"),
    "too-many-fields": ("The head of the request has too many fields.", "请求头的字段过多。"),
    "uri-too-long": ("The address is too long.", "地址过长。"),
}
_HTML = (
    "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{status}</title><style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:34rem;"
    "margin:20vh auto;padding:0 1rem;color-scheme:light dark}}</style>"
    "<main><h1>{status}</h1><p lang=en>{english}</p><p lang=zh>{chinese}</p>{mark}</main>\n"
)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that is not passed on but made here."""

    status: int
    content_type: bytes
    body: bytes
    fields: bytes = b""
    """More of its head, whole lines."""


def page(
    status: int, reason: str, accept: bytes = b"", *, after: int = 0, request: str = ""
) -> Page:
    """Return what to say: JSON to programs, HTML to browsers, else plain text.

    `after`: in how many seconds it is worth while to try again; 0: nobody knows.
    `request` is the id by which whoever is asked for help finds it in the logs.
    """
    fields = b"Retry-After: %d\r\n" % after if after else b""
    english, chinese = _SENTENCES.get(reason, _SENTENCES["malformed"])
    accept = accept.lower()
    if b"text/html" in accept:
        mark = f"<p><small>{request}</small></p>" if request else ""
        text = _HTML.format(status=status, english=english, chinese=chinese, mark=mark)
        return Page(status, b"text/html; charset=utf-8", text.encode(), fields)
    if b"json" in accept:
        known = {"request": request} if request else {}
        body = json.dumps({"status": status, "message": english, "code": reason, **known})
        return Page(status, b"application/json", body.encode(), fields)
    lines = [english, chinese, *([f"X-Request-ID: {request}"] if request else [])]
    text = "\n".join(lines) + "\n"
    return Page(status, b"text/plain; charset=utf-8", text.encode(), fields)


def healthy() -> Page:
    """Return what a health check reads."""
    return Page(200, b"application/json", b'{"status": "OK"}')


def answer(page: Page, marks: bytes, *, keep: bool, with_body: bool) -> bytes:
    """Return `page` as a response; `marks` are lines of its head, as that which says the id."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b\r\n%b" % (
        page.status,
        PHRASES.get(page.status, b"Error"),
        page.content_type,
        len(page.body),
        b"Cache-Control: no-store\r\n" + marks + page.fields,
        b"" if keep else b"Connection: close\r\n",
        page.body if with_body else b"",
    )
