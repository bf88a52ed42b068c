"""CDA R2 documents for tests: level 1 (an enclosed text) and level 3 (sections), with a full header."""

from __future__ import annotations

import base64
from string import Template
from typing import Any, Final

_HEADER: Final = Template(
    """<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="http://example.org/style.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="$root"/>
  <code code="$type" codeSystem="2.16.840.1.113883.6.1" displayName="Compte rendu"/>
  <title>$title</title>
  <effectiveTime value="${day}091500+0100"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <setId root="1.2.250.1.999.7"/>
  <versionNumber value="1"/>
  <recordTarget><patientRole>
    <id root="$ins_root" extension="$ins"/>
    <patient>
      <name><family qualifier="BR">$family</family><given qualifier="BR">Camille</given></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="19840517"/>
    </patient>
  </patientRole></recordTarget>
  <author>
    <time value="${day}091500+0100"/>
    <assignedAuthor>
      <id root="1.2.250.1.71.4.2.1" extension="8$rpps"/>
      <assignedPerson><name><prefix>Dr</prefix><given>Louise</given><family>BERNARD</family></name></assignedPerson>
      <representedOrganization>
        <id root="1.2.250.1.71.4.2.2" extension="1880007059"/><name>CH</name>
      </representedOrganization>
    </assignedAuthor>
  </author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="1880007059"/><name>Centre hospitalier</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <documentationOf><serviceEvent>
    <code code="11488-4" codeSystem="2.16.840.1.113883.6.1"/>
    <effectiveTime><low value="${day}083000+0100"/><high value="${day}090000+0100"/></effectiveTime>
  </serviceEvent></documentationOf>
  $related
  $body
</ClinicalDocument>"""
)

SECTIONS: Final = """<component><structuredBody>
  <component><section>
    <code code="29299-5" codeSystem="2.16.840.1.113883.6.1"/><title>Motif</title>
    <text><paragraph>Palpitations à l'effort.<br/>Depuis <content styleCode="Bold">deux</content> mois.</paragraph>
      <list listType="ordered"><item>Repos</item><item>Effort</item></list>
      <table border="1"><caption>Constantes</caption><thead><tr><th>Mesure</th><th>Valeur</th></tr></thead>
        <tbody><tr><td colspan="2" onclick="alert(1)">TA 122/78</td></tr></tbody></table>
      <linkHtml href="javascript:alert(1)">lien</linkHtml><linkHtml href="https://example.org/">site</linkHtml>
    </text>
    <component><section><title>Antécédents</title><text>Aucun</text></section></component>
  </section></component>
</structuredBody></component>"""


def cda(body: str = SECTIONS, related: str = "", **values: Any) -> bytes:
    """Build a CDA; `values`: root, type, title, day, ins_root, ins, family, rpps."""
    told = {
        "root": "1.2.250.1.999.7.1",
        "type": "11488-4",
        "title": "Compte rendu de consultation de cardiologie",
        "day": "20260302",
        "ins_root": "1.2.250.1.213.1.4.10",
        "ins": "284058832102532",
        "family": "MOREL-DÉMO",
        "rpps": "10000693076",
        **values,
    }
    return _HEADER.substitute(told, body=body, related=related).encode()


def enclosed(content: bytes, media: str = "application/pdf") -> str:
    """Return the body of a level 1 document: other content in base64."""
    text = base64.b64encode(content).decode()
    return (
        f'<component><nonXMLBody><text mediaType="{media}" representation="B64">{text}</text></nonXMLBody></component>'
    )
