"""The report of a dispensing as a PDF: A4, French, in the form of the printed ordonnance."""

from __future__ import annotations

from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, Spacer

from fhirserver.prescription.print.paper import (
    BOLD,
    FACE,
    GREY,
    MARGIN,
    MENTION,
    built,
    depth,
    header_depth,
    marked,
    numbered,
    traits,
    write_column,
    write_page_number,
)
from fhirserver.prescription.report.dispensed import Report

_HEADER: Final = 66 * mm
_FOOTER: Final = 20 * mm
_MIDDLE: Final = 105 * mm
_COLUMNS: Final = 27 * mm
"""Where they begin, below the title."""
_RULE: Final = 5 * mm


def draw(report: Report) -> bytes:
    """Draw the report; equal content gives equal bytes."""
    lowest = depth(_MIDDLE - MARGIN - 4 * mm, _dispenser(report))
    header = header_depth(_HEADER, _COLUMNS + lowest + _RULE)

    def decorate(canvas: Canvas, pages: int) -> None:
        _draw_header(canvas, report, header)
        write_page_number(canvas, pages)

    title = f"Dispensation de l'ordonnance {report.number}"
    return built(title, report.dispenser.name, (header, _FOOTER), decorate, lambda: _body(report))


def _body(report: Report) -> list[Flowable]:
    source = f"Ordonnance n° {report.number}"
    if report.drafted:
        source += f" du {report.drafted}"
    if report.prescriber:
        source += f", prescrite par {report.prescriber}"
    flowables: list[Flowable] = [Paragraph(marked(source), MENTION), Spacer(1, 4 * mm)]
    flowables += (numbered(position, line.title, line.sentences) for position, line in enumerate(report.lines, 1))
    return flowables


def _dispenser(report: Report) -> list[tuple[str, float, str]]:
    dispenser = report.dispenser
    return [
        (BOLD, 10.5, dispenser.name),
        (FACE, 9, dispenser.quality),
        *((FACE, 8, text) for text in (*dispenser.address, *dispenser.identifiers, *dispenser.telecoms)),
    ]


def _draw_header(canvas: Canvas, report: Report, header: float) -> None:
    width, height = A4
    top, columns = height - 16 * mm, height - _COLUMNS
    write_column(canvas, MARGIN, top, 108 * mm, [(BOLD, 13, "Compte rendu de dispensation")])
    write_column(canvas, 130 * mm, top, width - MARGIN - 130 * mm, [(FACE, 9, f"Le {report.on}")])
    write_column(canvas, MARGIN, columns, _MIDDLE - MARGIN - 4 * mm, _dispenser(report))
    write_column(canvas, _MIDDLE, columns, width - MARGIN - _MIDDLE, traits(report.patient))
    canvas.setStrokeColor(GREY)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, height - header + _RULE, width - MARGIN, height - header + _RULE)
