"""The printed ordonnance as a PDF: A4, French, with the code and the number in clear on every page."""

from __future__ import annotations

from typing import Final

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, Spacer

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
    numbered,
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
_ZONE: Final = ParagraphStyle(
    "zone", parent=TITLE, fontSize=8.5, alignment=TA_CENTER, borderWidth=0.6, borderPadding=4, borderColor=GREY
)
_ZONE_ALD: Final = (
    "Prescriptions relatives au traitement de l'affection de longue durée reconnue (liste ou hors liste) "
    "(AFFECTION EXONÉRANTE)"
)
_ZONE_OTHER: Final = "Prescriptions SANS RAPPORT avec l'affection de longue durée (MALADIES INTERCURRENTES)"


def draw(prescription: PrintedPrescription) -> bytes:
    """Draw the ordonnance; equal content gives equal bytes."""

    def decorate(canvas: Canvas, pages: int) -> None:
        _draw_header(canvas, prescription)
        _draw_footer(canvas, prescription, pages)

    title = f"Ordonnance {prescription.number}"
    return built(title, prescription.prescriber.name, (_HEADER, _FOOTER), decorate, lambda: _body(prescription))


def _body(prescription: PrintedPrescription) -> list[Flowable]:
    if not prescription.bizone:
        return _lines(prescription.lines, start=1)
    upper = tuple(line for line in prescription.lines if line.long_term_illness)
    lower = tuple(line for line in prescription.lines if not line.long_term_illness)
    return [
        Paragraph(_ZONE_ALD, _ZONE),
        Spacer(1, 4 * mm),
        *(_lines(upper, start=1) or [Paragraph("Néant", MENTION), Spacer(1, 20 * mm)]),
        Spacer(1, 6 * mm),
        Paragraph(_ZONE_OTHER, _ZONE),
        Spacer(1, 4 * mm),
        *(_lines(lower, start=len(upper) + 1) or [Paragraph("Néant", MENTION)]),
    ]


def _lines(lines: tuple[PrintedLine, ...], *, start: int) -> list[Flowable]:
    return [numbered(position, line.title, line.sentences, line.mentions) for position, line in enumerate(lines, start)]


def _draw_header(canvas: Canvas, prescription: PrintedPrescription) -> None:
    width, height = A4
    top = height - 16 * mm
    prescriber, patient = prescription.prescriber, prescription.patient
    left = [
        (BOLD, 11, prescriber.name),
        (FACE, 9, prescriber.quality),
        *((FACE, 8, text) for text in (*prescriber.identifiers, *prescriber.address, *prescriber.telecoms)),
    ]
    if prescriber.replaced:
        left.append((FACE, 8, f"Remplaçant de {prescriber.replaced}"))
    write_column(canvas, MARGIN, top, _MIDDLE - MARGIN - _GAP, left)
    _draw_code(canvas, prescription.number, width - MARGIN - _CODE_SIDE, top - _CODE_SIDE + 4 * mm)
    beside_code = width - MARGIN - _CODE_SIDE - _MIDDLE - _GAP
    write_column(canvas, _MIDDLE, top, beside_code, [(FACE, 9, f"Le {prescription.date}")])
    measures = [(FACE, 8.5, text) for text in patient.measures]
    write_column(canvas, _MIDDLE, top - 9 * mm, beside_code, [*traits(patient), *measures])
    canvas.setStrokeColor(GREY)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, height - _HEADER + 5 * mm, width - MARGIN, height - _HEADER + 5 * mm)


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
