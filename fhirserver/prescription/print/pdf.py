"""The printed ordonnance as a PDF: A4, French, with the code and the number in clear on every page."""

from __future__ import annotations

from typing import Any, Final

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer
from reportlab.platypus.flowables import CallerMacro

from fhirserver.prescription.print import code_image
from fhirserver.prescription.print.paper import (
    BOLD,
    FACE,
    GREY,
    INK,
    MARGIN,
    MENTION,
    TITLE,
    built,
    depth,
    header_depth,
    numbered,
    parts_of,
    traits,
    write_column,
    write_page_number,
)
from fhirserver.prescription.print.printed import PrintedLine, PrintedPrescription

_HEADER: Final = 62 * mm
_FOOTER: Final = 24 * mm
_CODE_SIDE: Final = 26 * mm
_MIDDLE: Final = 105 * mm
_GAP: Final = 4 * mm
_PAGE_NUMBER: Final = 20 * mm
_TOP: Final = 16 * mm
_RULE: Final = 5 * mm
"""From the rule below the header to the body."""
_LEFT_WIDTH: Final = _MIDDLE - MARGIN - _GAP
_RIGHT_WIDTH: Final = A4[0] - MARGIN - _CODE_SIDE - _MIDDLE - _GAP
_ZONE: Final = ParagraphStyle(
    "zone", parent=TITLE, fontSize=8.5, alignment=TA_CENTER, borderWidth=0.6, borderPadding=4, borderColor=GREY
)
_ZONE_ALD: Final = (
    "Prescriptions relatives au traitement de l'affection de longue durée reconnue (liste ou hors liste) "
    "(AFFECTION EXONÉRANTE)"
)
_ZONE_OTHER: Final = "Prescriptions SANS RAPPORT avec l'affection de longue durée (MALADIES INTERCURRENTES)"
_ALD_GOES_ON: Final = "Suite : traitement de l'affection de longue durée (AFFECTION EXONÉRANTE)"
_OTHER_GOES_ON: Final = "Suite : SANS RAPPORT avec l'affection de longue durée (MALADIES INTERCURRENTES)"


def _marker(going_on: str, header: float, *, heads: bool = False) -> Flowable:
    """Return what marks a zone's heading or one of its lines: a page that begins within a zone says so at its top."""

    def mark(place: Any) -> None:
        canvas: Canvas = place.canv
        page = canvas.getPageNumber()
        first, canvas.zone_page = getattr(canvas, "zone_page", 1) != page, page
        if not first or heads:
            return
        x, y = canvas.absolutePosition(0, 0)
        canvas.setFont(BOLD, 7.5)
        canvas.setFillColor(INK)
        canvas.drawCentredString(A4[0] / 2 - x, A4[1] - header + 2.2 * mm - y, going_on)

    return CallerMacro(mark)


def draw(prescription: PrintedPrescription) -> bytes:
    """Draw the ordonnance; equal content gives equal bytes."""
    left, right = _columns(prescription)
    lowest = max(depth(_LEFT_WIDTH, left), 9 * mm + depth(_RIGHT_WIDTH, right))
    header = header_depth(_HEADER, _TOP + lowest + _RULE)

    def decorate(canvas: Canvas, pages: int) -> None:
        _draw_header(canvas, prescription, header)
        _draw_footer(canvas, prescription, pages)

    title = f"Ordonnance {prescription.number}"
    return built(title, prescription.prescriber.name, (header, _FOOTER), decorate, lambda: _body(prescription, header))


def _body(prescription: PrintedPrescription, header: float) -> list[Flowable]:
    if not prescription.bizone:
        return [
            numbered(position, line.title, line.sentences, line.mentions)
            for position, line in enumerate(prescription.lines, 1)
        ]
    upper = tuple(line for line in prescription.lines if line.long_term_illness)
    lower = tuple(line for line in prescription.lines if not line.long_term_illness)
    return [
        *_zone((_ZONE_ALD, _ALD_GOES_ON), upper, 1, header),
        Spacer(1, 6 * mm if upper else 26 * mm),
        *_zone((_ZONE_OTHER, _OTHER_GOES_ON), lower, len(upper) + 1, header),
    ]


def _zone(texts: tuple[str, str], lines: tuple[PrintedLine, ...], start: int, header: float) -> list[Flowable]:
    """Return a zone: its heading, kept with its first line, and the others."""
    heading, going_on = texts
    head: list[Flowable] = [_marker(going_on, header, heads=True), Paragraph(heading, _ZONE), Spacer(1, 4 * mm)]
    if not lines:
        return [KeepTogether([*head, Paragraph("Néant", MENTION)])]
    blocks = [
        [_marker(going_on, header), *parts_of(position, line.title, line.sentences, line.mentions)]
        for position, line in enumerate(lines, start)
    ]
    return [KeepTogether([*head, *blocks[0]]), *map(KeepTogether, blocks[1:])]


def _columns(prescription: PrintedPrescription) -> tuple[list[tuple[str, float, str]], list[tuple[str, float, str]]]:
    """Return what the header says: the prescriber on the left, the patient on the right."""
    prescriber, patient = prescription.prescriber, prescription.patient
    left: list[tuple[str, float, str]] = [
        (BOLD, 11, prescriber.name),
        (FACE, 9, prescriber.quality),
        *((FACE, 8, text) for text in (*prescriber.identifiers, *prescriber.address, *prescriber.telecoms)),
    ]
    if prescriber.replaced:
        left.append((FACE, 8, f"Remplaçant de {prescriber.replaced}"))
    return left, [*traits(patient), *((FACE, 8.5, text) for text in patient.measures)]


def _draw_header(canvas: Canvas, prescription: PrintedPrescription, header: float) -> None:
    width, height = A4
    top = height - _TOP
    left, right = _columns(prescription)
    write_column(canvas, MARGIN, top, _LEFT_WIDTH, left)
    _draw_code(canvas, prescription.number, width - MARGIN - _CODE_SIDE, top - _CODE_SIDE + 4 * mm)
    write_column(canvas, _MIDDLE, top, _RIGHT_WIDTH, [(FACE, 9, f"Le {prescription.date}")])
    write_column(canvas, _MIDDLE, top - 9 * mm, _RIGHT_WIDTH, right)
    canvas.setStrokeColor(GREY)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, height - header + _RULE, width - MARGIN, height - header + _RULE)


def _draw_footer(canvas: Canvas, prescription: PrintedPrescription, pages: int) -> None:
    width, _ = A4
    notes = list(prescription.mentions)
    if prescription.secured:
        notes.insert(0, "À imprimer sur papier sécurisé")
    write_column(canvas, MARGIN, 13 * mm, width - 2 * MARGIN - _PAGE_NUMBER, [(FACE, 8, text) for text in notes])
    canvas.setFont(FACE, 8)
    canvas.setFillColor(GREY)
    canvas.drawRightString(width - MARGIN, 18 * mm, "Signature du prescripteur :")
    write_page_number(canvas, pages)


def _draw_code(canvas: Canvas, number: str, x: float, y: float) -> None:
    rows = code_image.modules(number)
    side = _CODE_SIDE / len(rows)
    canvas.setFillColorRGB(0, 0, 0)
    for row, cells in enumerate(rows):
        for column, dark in enumerate(cells):
            if dark:
                # a hair wider than a module, so that no viewer shows seams
                canvas.rect(x + column * side, y + (len(rows) - 1 - row) * side, side * 1.01, side * 1.01, 0, 1)
    canvas.setFillColor(INK)
    canvas.setFont(BOLD, 6.2)
    spaced = " ".join(number[start : start + 6] for start in range(0, len(number), 6))
    canvas.drawCentredString(x + _CODE_SIDE / 2, y - 4 * mm, spaced)
    canvas.setFont(FACE, 6.5)
    canvas.setFillColor(GREY)
    canvas.drawCentredString(x + _CODE_SIDE / 2, y - 7 * mm, "N° d'ordonnance")
