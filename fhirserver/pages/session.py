"""A browser's sign-in: a token kept in a cookie that scripts cannot read and other sites cannot use.

The cookie stands for the token on GET and HEAD only: no form, on this site or elsewhere, can write with it. Signing in
and out are taken from this site's own pages alone, by the `Origin` and `Sec-Fetch-Site` headers that every browser
sends with a form.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Request
from werkzeug.wrappers import Response

from fhirserver.access.caller import Caller
from fhirserver.access.tokens import Verifier
from fhirserver.errors import Failure, Forbidden, TooLarge
from fhirserver.issues import Text

COOKIE: Final = "fhirserver-token"
MAX_COOKIE: Final = 4000
"""Characters; browsers drop cookies beyond 4,096 with their name and attributes."""
_READING: Final = ("GET", "HEAD")


def present(request: Request, base: str) -> None:
    """Have a reading request without an Authorization header carry the token of the cookie.

    Args:
        request: the current request; its environment is changed.
        base: the FHIR base url as the client sees it.
    """
    token = request.cookies.get(cookie_name(base))
    if token and request.method in _READING and "HTTP_AUTHORIZATION" not in request.environ:
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"


def who(verifier: Verifier, request: Request, base: str) -> Caller | None:
    """Return who is signed in; None when nobody is, or not any more."""
    token = request.cookies.get(cookie_name(base))
    if not token:
        return None
    try:
        return verifier.verify(token)
    except Failure:
        return None


def keep(response: Response, token: str, base: str) -> None:
    """Sign in; the token has been verified.

    Raises:
        TooLarge: no browser keeps a cookie of this size.
    """
    if len(token) > MAX_COOKIE:
        raise TooLarge(
            Text(
                f"Ce jeton dépasse {MAX_COOKIE} caractères : un navigateur ne peut le garder. "
                "Demandez-en un plus court.",
                f"This token exceeds {MAX_COOKIE} characters: a browser cannot keep it. Ask for a shorter one.",
            ),
            rule="token-size",
        )
    response.set_cookie(cookie_name(base), token, path="/", secure=_encrypted(base), httponly=True, samesite="Strict")


def forget(response: Response, base: str) -> None:
    """Sign out."""
    response.delete_cookie(cookie_name(base), path="/", secure=_encrypted(base), httponly=True, samesite="Strict")


def own_page(request: Request, base: str) -> None:
    """Let a form through only when a page of this site sent it.

    Raises:
        Forbidden: another site did, or nothing tells.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own = {_origin(base), f"{request.scheme}://{request.host}"}
    told = site is not None or origin is not None
    if told and site in (None, "same-origin") and (origin is None or origin in own):
        return
    raise Forbidden(
        Text(
            "La connexion et la déconnexion ne se font que depuis les pages de ce serveur.",
            "Signing in and out is done from the pages of this server only.",
        ),
        rule="other-site",
    )


def cookie_name(base: str) -> str:
    """Return the cookie's name; over https one that no other host of the domain can set (RFC 6265bis, `__Host-`)."""
    return f"__Host-{COOKIE}" if _encrypted(base) else COOKIE


def _encrypted(base: str) -> bool:
    return base.startswith("https:")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
