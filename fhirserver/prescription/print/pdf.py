"""The printed ordonnance as a PDF: A4, French, with the code and the number in clear on every page."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Frame, KeepTogether, PageTemplate, Paragraph, Spacer
from reportlab.platypus.doctemplate import BaseDocTemplate

from fhirserver.prescription.print import code_image
from fhirserver.prescription.print.printed import PrintedLine, PrintedPrescription

_FACE: Final = "Vera"
_BOLD: Final = "VeraBd"
_MARGIN: Final = 18 * mm
_HEADER: Final = 62 * mm
_FOOTER: Final = 24 * mm
_CODE_SIDE: Final = 26 * mm
_INK: Final = HexColor("#1b1b1f")
_GREY: Final = HexColor("#5c5c66")
_TEXT: Final = ParagraphStyle("text", fontName=_FACE, fontSize=9.5, leading=13, textColor=_INK)
_TITLE: Final = ParagraphStyle("title", parent=_TEXT, fontName=_BOLD, fontSize=10.5, leading=14)
_MENTION: Final = ParagraphStyle("mention", parent=_TEXT, fontSize=8.5, leading=11.5, textColor=_GREY)
_ZONE: Final = ParagraphStyle(
    "zone", parent=_TITLE, fontSize=8.5, alignment=TA_CENTER, borderWidth=0.6, borderPadding=4, borderColor=_GREY
)
_ZONE_ALD: Final = (
    "Prescriptions relatives au traitement de l'affection de longue durée reconnue (liste ou hors liste) "
    "(AFFECTION EXONÉRANTE)"
)
_ZONE_OTHER: Final = "Prescriptions SANS RAPPORT avec l'affection de longue durée (MALADIES INTERCURRENTES)"


def draw(prescription: PrintedPrescription) -> bytes:
    """Draw the ordonnance; equal content gives equal bytes."""
    _register_fonts()
    output = io.BytesIO()
    document = BaseDocTemplate(
        output,
        pagesize=A4,
        title=f"Ordonnance {prescription.number}",
        author=_shown(prescription.prescriber.name),
        lang="fr-FR",
        invariant=1,
    )
    width, height = A4
    frame = Frame(_MARGIN, _FOOTER, width - 2 * _MARGIN, height - _HEADER - _FOOTER, 0, 0, 0, 0)

    def decorate(canvas: Canvas, _: Any) -> None:
        _draw_header(canvas, prescription)
        _draw_footer(canvas, prescription)

    document.addPageTemplates(PageTemplate(frames=[frame], onPage=decorate))
    document.build(_body(prescription))
    return output.getvalue()


def _body(prescription: PrintedPrescription) -> list[Flowable]:
    if not prescription.bizone:
        return _lines(prescription.lines, start=1)
    upper = tuple(line for line in prescription.lines if line.long_term_illness)
    lower = tuple(line for line in prescription.lines if not line.long_term_illness)
    return [
        Paragraph(_ZONE_ALD, _ZONE),
        Spacer(1, 4 * mm),
        *(_lines(upper, start=1) or [Paragraph("Néant", _MENTION), Spacer(1, 20 * mm)]),
        Spacer(1, 6 * mm),
        Paragraph(_ZONE_OTHER, _ZONE),
        Spacer(1, 4 * mm),
        *(_lines(lower, start=len(upper) + 1) or [Paragraph("Néant", _MENTION)]),
    ]


def _lines(lines: tuple[PrintedLine, ...], *, start: int) -> list[Flowable]:
    flowables: list[Flowable] = []
    for position, line in enumerate(lines, start):
        parts: list[Flowable] = [Paragraph(f"{position}. {_marked(line.title)}", _TITLE)]
        parts += [Paragraph(_marked(text), _TEXT) for text in line.sentences]
        if line.mentions:
            parts.append(Paragraph(_marked(" · ".join(line.mentions)), _MENTION))
        parts.append(Spacer(1, 4 * mm))
        flowables.append(KeepTogether(parts))
    return flowables


def _draw_header(canvas: Canvas, prescription: PrintedPrescription) -> None:
    width, height = A4
    top = height - 16 * mm
    prescriber, patient = prescription.prescriber, prescription.patient
    left = [
        (_BOLD, 11, prescriber.name),
        (_FACE, 9, prescriber.quality),
        *((_FACE, 8, text) for text in (*prescriber.identifiers, *prescriber.address, *prescriber.telecoms)),
    ]
    if prescriber.replaced:
        left.append((_FACE, 8, f"Remplaçant de {prescriber.replaced}"))
    _column(canvas, _MARGIN, top, left)
    _draw_code(canvas, prescription.number, width - _MARGIN - _CODE_SIDE, top - _CODE_SIDE + 4 * mm)
    born = "née" if patient.sex.startswith("F") else "né"
    lower = [
        (_BOLD, 10, patient.name),
        (_FACE, 8.5, f"{patient.sex}, {born} le {patient.birth_date}"),
        *([(_FACE, 8.5, f"INS {patient.ins}")] if patient.ins else []),
        *((_FACE, 8.5, text) for text in patient.measures),
    ]
    _column(canvas, 105 * mm, height - 16 * mm, [(_FACE, 9, f"Le {prescription.date}")])
    _column(canvas, 105 * mm, height - 25 * mm, lower)
    canvas.setStrokeColor(_GREY)
    canvas.setLineWidth(0.5)
    canvas.line(_MARGIN, height - _HEADER + 5 * mm, width - _MARGIN, height - _HEADER + 5 * mm)


def _draw_footer(canvas: Canvas, prescription: PrintedPrescription) -> None:
    width, _ = A4
    notes = list(prescription.mentions)
    if prescription.secured:
        notes.insert(0, "À imprimer sur papier sécurisé")
    _column(canvas, _MARGIN, 18 * mm, [(_FACE, 8, text) for text in notes])
    canvas.setFont(_FACE, 8)
    canvas.setFillColor(_GREY)
    canvas.drawRightString(width - _MARGIN, 18 * mm, "Signature du prescripteur :")
    canvas.drawRightString(width - _MARGIN, 9 * mm, f"Page {canvas.getPageNumber()}")


def _draw_code(canvas: Canvas, number: str, x: float, y: float) -> None:
    rows = code_image.modules(number)
    side = _CODE_SIDE / len(rows)
    canvas.setFillColorRGB(0, 0, 0)
    for row, cells in enumerate(rows):
        for column, dark in enumerate(cells):
            if dark:
                # a hair wider than a module, so that no viewer shows seams
                canvas.rect(x + column * side, y + (len(rows) - 1 - row) * side, side * 1.01, side * 1.01, 0, 1)
    canvas.setFillColor(_INK)
    canvas.setFont(_BOLD, 7)
    spaced = " ".join(number[start : start + 6] for start in range(0, len(number), 6))
    canvas.drawCentredString(x + _CODE_SIDE / 2, y - 4 * mm, spaced)
    canvas.setFont(_FACE, 6.5)
    canvas.setFillColor(_GREY)
    canvas.drawCentredString(x + _CODE_SIDE / 2, y - 7 * mm, "N° d'ordonnance")


def _column(canvas: Canvas, x: float, y: float, lines: Sequence[tuple[str, float, str]]) -> None:
    canvas.setFillColor(_INK)
    for face, size, text in lines:
        canvas.setFont(face, size)
        canvas.drawString(x, y, _shown(text))
        y -= size * 1.35


def _marked(text: str) -> str:
    return escape(_shown(text))


def _shown(text: str) -> str:
    """Replace what the embedded font lacks by its plain letter, and drop control characters."""
    known = _known_characters()
    shown = []
    for character in unicodedata.normalize("NFC", text):
        if ord(character) in known:
            shown.append(character)
        else:
            parts = unicodedata.normalize("NFKD", character).replace("\u2044", "/")  # ⅓ must not become 13
            plain = "".join(part for part in parts if ord(part) in known)
            shown.append(plain or ("?" if character.isprintable() else ""))
    return "".join(shown)


@cache
def _known_characters() -> frozenset[int]:
    _register_fonts()
    return frozenset(pdfmetrics.getFont(_FACE).face.charToGlyph)


@cache
def _register_fonts() -> None:
    for name in (_FACE, _BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    pdfmetrics.registerFontFamily(_FACE, normal=_FACE, bold=_BOLD, italic=_FACE, boldItalic=_BOLD)
