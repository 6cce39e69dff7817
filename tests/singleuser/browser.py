"""A browser without a screen: a cookie jar, one hop at a time."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx

REDIRECTS = {301, 302, 303, 307, 308}
NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
FETCHES = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
_FORM_XSRF = re.compile(r'name="_xsrf"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="_xsrf"')


class Browser:
    """One person's browser at one address."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, follow_redirects=False, timeout=30)

    def go(self, path: str) -> httpx.Response:
        """Open `path`, as a person does, and stop at the first answer."""
        return self.client.get(path, headers=NAVIGATES)

    def hop(self, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code in REDIRECTS, (answer.status_code, answer.url, answer.text[-600:])
        return self.go(answer.headers["Location"])

    def follow(self, answer: httpx.Response, most: int = 12) -> httpx.Response:
        """Go on until something else than a redirect comes."""
        for _ in range(most):
            if answer.status_code not in REDIRECTS:
                return answer
            answer = self.hop(answer)
        raise AssertionError(f"runs in circles at {answer.url}")

    def sign_in(
        self, name: str, password: str = "secret", path: str = "/hub/login"
    ) -> httpx.Response:
        """Fill in the form at `path`; return the answer to it."""
        page = self.go(path)
        assert page.status_code == 200, (page.status_code, page.text[:300])
        form = {"username": name, "password": password, "_xsrf": xsrf_of(page)}
        return self.client.post(path, data=form, headers={**NAVIGATES, "Origin": self.origin})

    def fetch(self, path: str, method: str = "GET", **options: object) -> httpx.Response:
        """Ask as a script of the page does, with what its cookie says."""
        seen = [(len(at), value) for (name, at), value in self.cookies().items()
                if name == "_xsrf" and path.startswith(at)]  # fmt: skip
        headers = {**FETCHES, **({"X-XSRFToken": max(seen)[1]} if seen else {})}
        return self.client.request(method, path, headers=headers, **options)  # type: ignore[arg-type]

    def cookies(self) -> dict[tuple[str, str], str]:
        """Return name and path of each cookie, with its value."""
        return {(c.name, c.path): c.value or "" for c in self.client.cookies.jar}

    @property
    def origin(self) -> str:
        return str(self.client.base_url).rstrip("/")


def xsrf_of(page: httpx.Response) -> str:
    found = _FORM_XSRF.search(page.text)
    assert found, "the form has no _xsrf"
    return found[1] or found[2]


def query(url: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def page_config(page: httpx.Response, name: str) -> str:
    """Return a value that JupyterLab's page was given."""
    found = re.search(rf'"{name}": ?"([^"]*)"', page.text)
    assert found, f"no {name} in the page"
    return found[1]
