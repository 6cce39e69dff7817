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
    431: b"Request Header Fields Too Large",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}
HEALTH = frozenset((b"/_perijove/health", b"/_chp_healthz"))
"""Where health checks ask."""
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
    "slow": ("The request took too long to arrive.", "请求到达得太慢。"),
    "too-large": ("The head of the request is too large.", "请求头过大。"),
}
_HTML = (
    "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{status}</title><style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:34rem;"
    "margin:20vh auto;padding:0 1rem;color-scheme:light dark}}</style>"
    "<main><h1>{status}</h1><p lang=en>{english}</p><p lang=zh>{chinese}</p></main>\n"
)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that is not passed on but made here."""

    status: int
    content_type: bytes
    body: bytes
    fields: bytes = b""
    """More of its head, whole lines."""


def page(status: int, reason: str, accept: bytes = b"") -> Page:
    """Return what to say: JSON to programs, HTML to browsers, else plain text."""
    english, chinese = _SENTENCES.get(reason, _SENTENCES["malformed"])
    accept = accept.lower()
    if b"text/html" in accept:
        text = _HTML.format(status=status, english=english, chinese=chinese)
        return Page(status, b"text/html; charset=utf-8", text.encode())
    if b"json" in accept:
        body = json.dumps({"status": status, "message": english, "code": reason})
        return Page(status, b"application/json", body.encode())
    return Page(status, b"text/plain; charset=utf-8", f"{english}\n{chinese}\n".encode())


def healthy() -> Page:
    """Return what a health check reads."""
    return Page(200, b"application/json", b'{"status": "OK"}')


def answer(page: Page, *, keep: bool, with_body: bool, more: bytes = b"") -> bytes:
    """Return `page` as a response; `more` of its head is whole lines."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b\r\n%b" % (
        page.status,
        PHRASES.get(page.status, b"Error"),
        page.content_type,
        len(page.body),
        b"Cache-Control: no-store\r\n" + page.fields + more,
        b"" if keep else b"Connection: close\r\n",
        page.body if with_body else b"",
    )
