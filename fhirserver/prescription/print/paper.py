"""What all printed pages share: the embedded font, its styles, and text that it can show."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Frame, KeepTogether, PageTemplate, Paragraph, Spacer
from reportlab.platypus.doctemplate import BaseDocTemplate

from fhirserver.prescription.print.printed import PrintedPatient

FACE: Final = "Vera"
BOLD: Final = "VeraBd"
MARGIN: Final = 18 * mm
INK: Final = HexColor("#1b1b1f")
GREY: Final = HexColor("#5c5c66")
_LEADING: Final = 1.35
_DEEPEST: Final[float] = 150 * mm
"""A header is no deeper, whatever it is to say: some of the page is left for the lines."""
TEXT: Final = ParagraphStyle("text", fontName=FACE, fontSize=9.5, leading=13, textColor=INK)
TITLE: Final = ParagraphStyle("title", parent=TEXT, fontName=BOLD, fontSize=10.5, leading=14)
MENTION: Final = ParagraphStyle("mention", parent=TEXT, fontSize=8.5, leading=11.5, textColor=GREY)


def built(
    title: str,
    author: str,
    margins: tuple[float, float],
    decorate: Callable[[Canvas, int], None],
    body: Callable[[], list[Flowable]],
) -> bytes:
    """Return an A4 document as a PDF; equal content gives equal bytes.

    Args:
        title: of the file.
        author: of the file.
        margins: above and below the body, in points.
        decorate: draws what stands on every page beside the body; it is told how many pages there are.
        body: makes what flows from page to page, once the fonts that its paragraphs ask for are known.
    """
    _register_fonts()

    def once(pages: int) -> tuple[bytes, int]:
        output = io.BytesIO()
        document = BaseDocTemplate(output, pagesize=A4, title=title, author=shown(author), lang="fr-FR", invariant=1)
        width, height = A4
        above, below = margins
        frame = Frame(MARGIN, below, width - 2 * MARGIN, height - above - below, 0, 0, 0, 0)
        document.addPageTemplates(PageTemplate(frames=[frame], onPage=lambda canvas, _: decorate(canvas, pages)))
        document.build(body())
        return output.getvalue(), document.page

    content, pages = once(1)
    return content if pages == 1 else once(pages)[0]


def write_page_number(canvas: Canvas, pages: int) -> None:
    """Draw which page of how many this is: of several, none gets lost or added unnoticed."""
    canvas.setFont(FACE, 8)
    canvas.setFillColor(GREY)
    of = f" sur {pages}" if pages > 1 else ""
    canvas.drawRightString(A4[0] - MARGIN, 9 * mm, f"Page {canvas.getPageNumber()}{of}")


def write_column(canvas: Canvas, x: float, y: float, width: float, lines: Sequence[tuple[str, float, str]]) -> None:
    """Draw lines below each other, each as face, size in points, text; `y` is the first one's foot; none is empty.

    What is wider than the column goes on below.
    """
    canvas.setFillColor(INK)
    for face, size, text in filter(itemgetter(2), lines):
        canvas.setFont(face, size)
        for part in _wrapped(shown(text), face, size, width):
            canvas.drawString(x, y, part)
            y -= size * _LEADING


def depth(width: float, lines: Sequence[tuple[str, float, str]]) -> float:
    """Return how far down `write_column` draws these lines, in points."""
    _register_fonts()
    return sum(
        size * _LEADING * len(list(_wrapped(shown(text), face, size, width))) for face, size, text in lines if text
    )


def header_depth(least: float, needed: float) -> float:
    """Return how much of each page a header takes: what it needs, within bounds."""
    return min(max(least, needed), _DEEPEST)


def _wrapped(text: str, face: str, size: float, width: float) -> Iterator[str]:
    """Divide a text at its spaces, and a word that is wider than the column at a sign within it, else where it ends."""
    for line in simpleSplit(text, face, size, width):
        rest = line
        while rest:
            fits = len(rest)
            while fits > 1 and pdfmetrics.stringWidth(rest[:fits], face, size) > width:
                fits -= 1
            if fits < len(rest):
                fits = max(rest.rfind(sign, 1, fits) for sign in "-@./") + 1 or fits
            yield rest[:fits]
            rest = rest[fits:]


def numbered(position: int, title: str, sentences: Iterable[str], mentions: Sequence[str] = ()) -> Flowable:
    """Return one line of a document: its number and title, what it says, its mentions; kept on one page."""
    return KeepTogether(parts_of(position, title, sentences, mentions))


def parts_of(position: int, title: str, sentences: Iterable[str], mentions: Sequence[str] = ()) -> list[Flowable]:
    """Return what `numbered` keeps together."""
    parts: list[Flowable] = [Paragraph(f"{position}. {marked(title)}", TITLE)]
    parts += [Paragraph(marked(text), TEXT) for text in sentences]
    if mentions:
        parts.append(Paragraph(marked(" · ".join(mentions)), MENTION))
    return [*parts, Spacer(1, 4 * mm)]


def traits(patient: PrintedPatient) -> list[tuple[str, float, str]]:
    """Return the lines that say who a patient is, for `write_column`."""
    born = f"{'née' if patient.sex.startswith('F') else 'né'} le {patient.birth_date}" if patient.birth_date else ""
    described = ", ".join(filter(None, (patient.sex, born)))
    ins = f"INS {patient.ins}" if patient.ins else ""
    return [(BOLD, 10, patient.name), (FACE, 8.5, described), (FACE, 8.5, ins)]


def marked(text: str) -> str:
    """Return a text for a Paragraph, which reads markup; its lines stay lines."""
    return "<br/>".join(escape(shown(line)) for line in text.strip().splitlines())


def shown(text: str) -> str:
    """Replace what the embedded font lacks by its plain letter; a line's end is a space, control characters go."""
    known = _known_characters()
    kept = []
    for character in unicodedata.normalize("NFC", text):
        if ord(character) in known:
            kept.append(character)
        elif character.isspace():
            kept.append(" ")
        else:
            parts = unicodedata.normalize("NFKD", character).replace("\u2044", "/")  # ⅓ must not become 13
            plain = "".join(part for part in parts if ord(part) in known)
            kept.append(plain or ("?" if character.isprintable() else ""))
    return "".join(kept)


@cache
def _known_characters() -> frozenset[int]:
    _register_fonts()
    return frozenset(pdfmetrics.getFont(FACE).face.charToGlyph)


@cache
def _register_fonts() -> None:
    """Have the embedded fonts known; once for each process."""
    for name in (FACE, BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    pdfmetrics.registerFontFamily(FACE, normal=FACE, bold=BOLD, italic=FACE, boldItalic=BOLD)
