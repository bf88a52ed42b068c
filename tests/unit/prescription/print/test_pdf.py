"""The printed ordonnance carries its mentions, and a code that another decoder reads."""

import subprocess
import sys
from dataclasses import replace

import pypdfium2
import zxingcpp
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from fhirserver.prescription import number
from fhirserver.prescription.print import code_image
from fhirserver.prescription.print.pdf import draw
from fhirserver.prescription.print.printed import PrintedLine, PrintedPatient, PrintedPrescriber, PrintedPrescription

NUMBER = number.issue()
ORDONNANCE = PrintedPrescription(
    number=NUMBER,
    date="21/11/2026",
    prescriber=PrintedPrescriber("Dr Hélène LEFÈVRE", "Médecin généraliste", ("RPPS 10000421353",), replaced="Dr X"),
    patient=PrintedPatient("Camille MOREL", "Féminin", "17/05/1984", "284058832102532", ("Poids 62 kg",)),
    lines=(
        PrintedLine("DOLIPRANE 1000 mg", ("1 comprimé 3 fois par jour.",), ("Non renouvelable",)),
        PrintedLine("PANTOPRAZOLE 40 mg", ("40 mg le soir.",), ("Renouvelable 2 fois",), long_term_illness=True),
    ),
)


def _text(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def _decoded(content: bytes) -> list[str]:
    with pypdfium2.PdfDocument(content) as document:
        return [code.text for page in document for code in zxingcpp.read_barcodes(page.render(scale=3).to_pil())]


def test_the_code_on_the_page_and_the_image_decode_to_the_number() -> None:
    assert _decoded(draw(ORDONNANCE)) == [NUMBER]
    assert code_image.png(NUMBER).startswith(b"\x89PNG")
    assert b"<svg" in code_image.svg(NUMBER)


def test_every_mention_stands_on_the_page() -> None:
    text = _text(draw(ORDONNANCE))
    for expected in ("Hélène LEFÈVRE", "RPPS 10000421353", "Remplaçant de Dr X", "Camille MOREL", "née le 17/05/1984",
                     "Poids 62 kg", "DOLIPRANE", "1 comprimé 3 fois par jour.", "Non renouvelable", "21/11/2026",
                     " ".join((NUMBER[:6], NUMBER[6:12], NUMBER[12:]))):  # fmt: skip
        assert expected in text
    assert "papier sécurisé" not in text
    assert "AFFECTION" not in text


def test_a_bizone_form_puts_the_lines_of_the_long_term_illness_above_the_others() -> None:
    text = _text(draw(replace(ORDONNANCE, bizone=True, secured=True)))
    order = [text.index(part) for part in ("EXONÉRANTE", "PANTOPRAZOLE", "INTERCURRENTES", "DOLIPRANE")]
    assert order == sorted(order)
    assert "papier sécurisé" in text


def test_a_bizone_form_can_be_the_first_page_that_a_process_draws() -> None:
    program = "from tests.unit.prescription.print.test_pdf import *; draw(replace(ORDONNANCE, bizone=True))"
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_forty_lines_take_several_pages_and_each_has_the_code() -> None:
    content = draw(replace(ORDONNANCE, lines=ORDONNANCE.lines * 20))
    codes = _decoded(content)
    assert len(codes) > 1
    assert set(codes) == {NUMBER}


def test_what_the_font_lacks_is_shown_by_its_plain_letter_and_markup_is_no_markup() -> None:
    line = PrintedLine("Šuměnka <b>x</b> & ⅓ comprimé")
    text = _text(draw(replace(ORDONNANCE, lines=(line,))))
    assert "<b>x</b> &" in text
    assert "1/3 comprimé" in text


def test_equal_content_gives_equal_bytes() -> None:
    assert draw(ORDONNANCE) == draw(ORDONNANCE)


def test_long_names_go_on_below_and_leave_the_code_and_the_edge_free() -> None:
    name = "Marie-Christine DUPONT DE LA VILLARDIÈRE-MONTMORENCY " + "Œ" * 60
    doctor = replace(ORDONNANCE.prescriber, name=name)
    content = draw(replace(ORDONNANCE, prescriber=doctor, patient=replace(ORDONNANCE.patient, name=name)))
    with pypdfium2.PdfDocument(content) as document:
        page = document[0]
        text = page.get_textpage()
        boxes = [text.get_charbox(at) for at in range(text.count_chars()) if text.get_text_range(at, 1) == "Œ"]
    assert len(boxes) == 120
    code = A4[0] - 44 * mm
    assert all(right < 105 * mm or (left >= 105 * mm and right < code) for left, _, right, _ in boxes)
    assert _decoded(content) == [NUMBER]


def test_of_several_pages_each_says_how_many_there_are() -> None:
    many = _text(draw(replace(ORDONNANCE, lines=ORDONNANCE.lines * 12)))
    assert "Page 1 sur 2" in many
    assert "Page 2 sur 2" in many
    assert "sur" not in _text(draw(ORDONNANCE)).split("Page 1")[1]


def _heights(content: bytes, page: int, text: str) -> list[float]:
    """Where on a page a text stands, in points from its foot."""
    with pypdfium2.PdfDocument(content) as document:
        shown = document[page].get_textpage()
        finder = shown.search(text)
        found = []
        while (place := finder.get_next()) is not None:
            found.append(shown.get_charbox(place[0])[1])
        return found


def test_a_long_header_pushes_the_lines_down() -> None:
    address = tuple(f"Ligne d'adresse {position}" for position in range(12))
    content = draw(replace(ORDONNANCE, prescriber=replace(ORDONNANCE.prescriber, address=address)))
    assert max(_heights(content, 0, "DOLIPRANE")) < min(_heights(content, 0, "Ligne d'adresse"))
    assert max(_heights(content, 0, "DOLIPRANE")) < min(_heights(content, 0, "Remplaçant"))


def test_each_page_of_a_bizone_form_tells_its_zone_and_no_heading_stands_alone() -> None:
    pages = set()
    for upper in range(6, 24):
        lines = tuple(replace(ORDONNANCE.lines[1], title=f"A{position}") for position in range(upper))
        content = draw(replace(ORDONNANCE, bizone=True, lines=(*lines, *[ORDONNANCE.lines[0]] * 12)))
        with pypdfium2.PdfDocument(content) as document:
            shown = [page.get_textpage().get_text_range() for page in document]
        pages.add(len(shown))
        assert all("EXONÉRANTE" in page or "INTERCURRENTES" in page for page in shown)
        headed = next(page for page in shown if "Prescriptions SANS RAPPORT" in page)
        assert "DOLIPRANE" in headed.partition("Prescriptions SANS RAPPORT")[2]
        assert "Suite : SANS RAPPORT" not in headed
    assert pages >= {2, 3}


def test_the_lines_of_a_remark_stay_lines() -> None:
    line = PrintedLine("X", ("Matin : 10 mg\nSoir : 20 mg\tau coucher",))
    text = _text(draw(replace(ORDONNANCE, lines=(line,))))
    assert "10 mgSoir" not in text
    assert "20 mg au coucher" in text
