"""The service that people sign in to, by the words that both hubs understand."""

NAME, BACK = "door", "/services/door/oauth_callback"
CLIENT, SECRET = f"service-{NAME}", "the-secret-of-the-door-of-the-bench"


def service() -> dict[str, object]:
    """Return its definition."""
    return {
        "name": NAME,
        "api_token": SECRET,
        "oauth_client_id": CLIENT,
        "oauth_redirect_uri": BACK,
        "oauth_no_confirm": True,
    }
