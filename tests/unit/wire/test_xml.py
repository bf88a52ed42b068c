"""FHIR XML, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.errors import Unprocessable, Unreadable
from fhirserver.wire.xml.formatting import XmlCodec

NS = 'xmlns="http://hl7.org/fhir"'


@pytest.fixture(scope="module")
def codec() -> XmlCodec:
    return XmlCodec(development())


def patient(inside: str) -> bytes:
    return f"<Patient {NS}>{inside}</Patient>".encode()


def read(codec: XmlCodec, inside: str) -> dict[str, Any]:
    return codec.read(patient(inside))[0]


def test_values_get_their_json_types(codec: XmlCodec) -> None:
    text = (
        f'<Observation {NS}><status value="final"/><valueQuantity><value value="1.50"/></valueQuantity>'
        '<component><valueInteger value="7"/></component><component><valueBoolean value="true"/></component>'
        '<component><valueString value="7"/></component></Observation>'
    )
    resource, warnings = codec.read(text.encode())
    assert warnings == []
    assert resource == {
        "resourceType": "Observation",
        "status": "final",
        "valueQuantity": {"value": jsontext.Number("1.50")},
        "component": [{"valueInteger": 7}, {"valueBoolean": True}, {"valueString": "7"}],
    }


@pytest.mark.parametrize("text", ["1.0", "1.00", "0.1", "-3e-7", "1E+3", "12345678901234567890.123456789", "5"])
def test_decimals_keep_their_digits(codec: XmlCodec, text: str) -> None:
    source = f'<Observation {NS}><valueQuantity><value value="{text}"/></valueQuantity></Observation>'
    resource, _ = codec.read(source.encode())
    assert f'"value":{text}}}'.encode() in jsontext.write(resource)
    assert f'<value value="{text}"/>'.encode() in codec.write(resource)


@pytest.mark.parametrize(
    ("inside", "name", "value"),
    [
        ('<active value="TRUE"/>', "active", "TRUE"),
        ('<multipleBirthInteger value="2.5"/>', "multipleBirthInteger", "2.5"),
        ('<birthDate value=""/>', "birthDate", ""),
    ],
)
def test_text_that_is_none_of_its_type_stays_text_for_validation_to_refuse(
    codec: XmlCodec, inside: str, name: str, value: str
) -> None:
    assert read(codec, inside)[name] == value


def test_ids_and_extensions_of_primitives_go_into_the_sibling(codec: XmlCodec) -> None:
    inside = (
        '<name><given id="a" value="Jean"/><given value="Marie"/>'
        '<given><extension url="http://x"><valueCode value="unknown"/></extension></given></name>'
        '<birthDate id="b"/>'
    )
    resource = read(codec, inside)
    extension = {"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    assert resource["name"] == [{"given": ["Jean", "Marie", None], "_given": [{"id": "a"}, None, extension]}]
    assert resource["_birthDate"] == {"id": "b"}
    assert "birthDate" not in resource
    assert codec.write(resource).decode().endswith(inside + "</Patient>")


def test_contained_resources_and_bundles_nest(codec: XmlCodec) -> None:
    resource = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "resource": {
                    "resourceType": "Patient",
                    "contained": [
                        {"resourceType": "Organization", "id": "a"},
                        {"resourceType": "Organization", "id": "b"},
                    ],
                }
            }
        ],
    }
    assert codec.read(codec.write(resource)) == (resource, [])
    assert codec.read(codec.write(resource, pretty=True)) == (resource, [])


@pytest.mark.parametrize(
    "div",
    [
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; b &#233; é<br/><br /> x</p><!-- kept --></div>',
        "<div xmlns='http://www.w3.org/1999/xhtml' >\r\n\t<p  class = 'a'>x</p >\n</div >",
        '<div xmlns="http://www.w3.org/1999/xhtml"/>',
        '<div xmlns="http://www.w3.org/1999/xhtml"><![CDATA[a < b]]></div>',
        '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>',
    ],
)
def test_xhtml_stays_byte_true_both_ways(codec: XmlCodec, div: str) -> None:
    resource = read(codec, f'<text><status value="generated"/>{div}</text>')
    assert resource["text"]["div"] == div
    assert div.encode() in codec.write(resource)


def test_xhtml_that_uses_a_prefix_declared_further_up_is_made_to_stand_alone(codec: XmlCodec) -> None:
    source = (
        f'<Patient {NS} xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="generated"/>'
        "<h:div xmlns='http://other'><h:p>x</h:p></h:div></text></Patient>"
    )
    resource, _ = codec.read(source.encode())
    assert codec.read(codec.write(resource))[0] == resource
    assert resource["text"]["div"].count("xmlns:h=") == 1
    assert resource["text"]["div"].count("xmlns=") == 1


@pytest.mark.parametrize("div", ["<div>a</div>", "a < b", "<div><p></div>", "<!DOCTYPE div><div/>", ""])
def test_a_narrative_that_is_no_xhtml_still_makes_a_document_that_reads_back(codec: XmlCodec, div: str) -> None:
    written = codec.write({"resourceType": "Patient", "text": {"status": "generated", "div": div}})
    assert codec.read(written)[0]["text"]["div"].startswith('<div xmlns="http://www.w3.org/1999/xhtml"')


def test_comments_and_instructions_are_dropped_and_a_schema_location_ignored(codec: XmlCodec) -> None:
    source = (
        f'<?xml version="1.0" encoding="UTF-8"?><!-- a --><?b c?><Patient {NS} '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir x.xsd">'
        '<!-- d --><active value="true"/></Patient><!-- e -->'
    )
    assert codec.read(source.encode())[0] == {"resourceType": "Patient", "active": True}


def test_a_byte_order_mark_is_no_content(codec: XmlCodec) -> None:
    source = b"\xef\xbb\xbf" + patient(
        '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">é</div></text>'
    )
    assert codec.read(source)[0]["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">é</div>'


def test_elements_out_of_order_are_read_with_one_warning_for_each_parent(codec: XmlCodec) -> None:
    inside = '<birthDate value="1970-01-01"/>\n<active value="true"/><gender value="male"/><id value="a"/>'
    resource, (warning,) = codec.read(patient(inside))
    assert resource == {
        "resourceType": "Patient",
        "birthDate": "1970-01-01",
        "active": True,
        "gender": "male",
        "id": "a",
    }
    assert (warning.severity, warning.expression, warning.rule) == ("warning", "Patient.active", "xml-order")
    assert "Line 2" in warning.text.en
    assert codec.read(codec.write(resource))[1] == []


@pytest.mark.parametrize(
    ("source", "said", "expression"),
    [
        (b"", "malformed", None),
        (b"<Patient", "malformed", None),
        (patient("<active value='true'>"), "malformed", None),
        (b"{}", "malformed", None),
        (patient("\n\n<colour value='red'/>"), "Line 3: unknown element <colour>", "Patient.colour"),
        (patient("<name><colour value='red'/></name>"), "unknown element", "Patient.name[0].colour"),
        (patient("<active value='true' colour='red'/>"), "attribute", "Patient.active"),
        (patient("<name value='x'/>"), "attribute", "Patient.name[0]"),
        (patient("<active xmlns='http://other' value='true'/>"), "namespace", "Patient.active"),
        (patient("<text><div>x</div></text>"), "namespace", "Patient.text.div"),
        (patient("<active value='true'/><active value='true'/>"), "twice", "Patient"),
        (patient("<active>true</active>"), "free text", "Patient.active"),
        (patient("<active/>"), "empty", "Patient.active"),
        (patient("<name/>"), "empty", "Patient.name[0]"),
        (patient("<contained/>"), "empty", "Patient.contained[0]"),
        (patient("<extension><url value='x'/></extension>"), "attribute", "Patient.extension[0].url"),
        (patient("<contained><Nobody/></contained>"), "no FHIR R4 resource", "Patient.contained[0]"),
        (patient("<contained><Group/><Group/></contained>"), "more than one", "Patient.contained[0]"),
        (b"<Patient><active value='true'/></Patient>", "namespace", None),
        (f"<Quantity {NS}/>".encode(), "no FHIR R4 resource", None),
        (f"<Resource {NS}/>".encode(), "no FHIR R4 resource", None),
        (f"<Patient {NS} colour='red'/>".encode(), "attribute", "Patient"),
        (b"<!DOCTYPE Patient><Patient/>", "DTD", None),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "DTD", None),
        (patient("<id value='&nobody;'/>"), "malformed", None),
        (patient("x").decode().encode("utf-16"), "UTF-8", None),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><Patient/>', "ISO-8859-1", None),
        (patient("<id value='\xe9'/>").decode().encode("latin-1"), "malformed", None),
    ],
)
def test_bad_xml_is_refused_naming_line_and_element(
    codec: XmlCodec, source: bytes, said: str, expression: str | None
) -> None:
    with pytest.raises(Unreadable) as refused:
        codec.read(source)
    (issue,) = refused.value.issues
    assert said in issue.text.en
    assert issue.expression == expression
    assert issue.text.fr.startswith("Ligne ")


def test_nesting_without_end_is_refused(codec: XmlCodec) -> None:
    with pytest.raises(Unreadable, match="nests deeper"):
        codec.read(patient("<extension url='a'>" * 50_000))


def test_a_million_entities_are_not_even_looked_at(codec: XmlCodec) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    with pytest.raises(Unreadable, match="DTD"):
        codec.read((bomb + "]><x>&j;</x>").encode())


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"resourceType": "Patient", "colour": "red"}, "colour"),
        ({"resourceType": "Patient", "name": ["x"]}, "object"),
        ({"resourceType": "Patient", "gender": {"a": 1}}, "simple value"),
        ({"resourceType": "Nobody"}, "Nobody"),
        ({"resourceType": "Patient", "id": "a\u0000b"}, "U+0000"),
    ],
)
def test_what_xml_cannot_carry_is_refused_and_never_left_out(
    codec: XmlCodec, resource: dict[str, Any], said: str
) -> None:
    with pytest.raises(Unprocessable) as refused:
        codec.write(resource)
    assert said in refused.value.issues[0].text.en


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<>&\"'"),
    min_size=1,
    max_size=20,
)
EXTENSION = st.fixed_dictionaries({"url": TEXT}, optional={"valueString": TEXT, "valueDecimal": st.integers()})
EXTRA = st.fixed_dictionaries({"extension": st.lists(EXTENSION, min_size=1, max_size=2)}, optional={"id": TEXT})
GIVEN = st.lists(
    st.tuples(TEXT | st.none(), EXTRA | st.none()).filter(any),
    min_size=1,
    max_size=4,
)


@st.composite
def names(draw: st.DrawFn) -> dict[str, Any]:
    pairs = draw(GIVEN)
    name: dict[str, Any] = {"family": draw(TEXT)}
    if any(value for value, _ in pairs):
        name["given"] = [value for value, _ in pairs]
    if any(extra for _, extra in pairs):
        name["_given"] = [extra for _, extra in pairs]
    return name


PATIENTS = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "active": st.booleans(),
        "name": st.lists(names(), min_size=1, max_size=3),
        "multipleBirthInteger": st.integers(-(2**31), 2**31 - 1),
        "_birthDate": EXTRA,
        "modifierExtension": st.lists(EXTENSION, min_size=1, max_size=2),
    },
)


@given(PATIENTS, st.booleans())
def test_any_resource_comes_back_as_it_was(codec: XmlCodec, resource: dict[str, Any], pretty: Any) -> None:
    written = codec.write(resource, pretty=pretty)
    assert codec.read(written) == (json.loads(json.dumps(resource)), [])


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(codec: XmlCodec, data: bytes) -> None:
    for source in (data, patient("")[:-10] + data + b"</Patient>"):
        try:
            codec.read(source)
        except Unreadable:
            continue
