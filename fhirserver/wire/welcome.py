"""`GET /`: what this server is, and where to go, in French and English."""

from __future__ import annotations

from typing import Final

from flask import Response

from fhirserver import __version__
from fhirserver.wire.gateway import BASE

STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1b1b1f}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3em .6em;border-bottom:1px solid #ddd}"
    "code,pre{background:#f4f4f6;padding:.1em .3em;border-radius:3px}"
)
_PAGE: Final = f"""<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>fhirserver</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>fhirserver {__version__}</h1>
<p>Serveur FHIR R4 pour l'ordonnance numérique et les documents du DMP.
Les requêtes FHIR se font sous <code>{BASE}</code>.</p>
<p lang="en">FHIR R4 server for French prescriptions and health documents. FHIR is under <code>{BASE}</code>.</p>
<ul>
<li><a href="{BASE}/metadata">Capacités · <span lang="en">Capabilities</span></a></li>
<li><a href="/docs">API</a> · <a href="/openapi.json">OpenAPI</a></li>
<li><a href="/ready">État · <span lang="en">State</span></a></li>
<li><a href="/metrics">Métriques · <span lang="en">Metrics</span></a></li>
</ul>
<p>Chaque requête porte un jeton signé. Sur la machine du serveur, en bac à sable :</p>
<p lang="en">Each request carries a signed token. On the server's machine, in a sandbox:</p>
<pre>TOKEN=$(fhirserver token --role prescriber)
curl -H "Authorization: Bearer $TOKEN" …{BASE}/Patient?_count=1</pre>
</body></html>
"""


def page() -> Response:
    """Answer the page."""
    return Response(_PAGE, content_type="text/html; charset=utf-8")
