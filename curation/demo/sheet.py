"""A sheet of paper to write on: lines, paragraphs, rules and tables in Pillow's own scalable font."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 850, 1100, 80  # US Letter at 100 dots an inch


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in font (ASCII only) at a size in pixels."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return found


def png(image: Image.Image) -> bytes:
    """Encode losslessly with fixed settings."""
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=4)
    return content.getvalue()


def jpeg(image: Image.Image, *, quality: int = 90) -> bytes:
    """Encode as baseline JPEG with fixed settings."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


class Sheet:
    """A grey-scale page; `y` is where the next line goes, in pixels from the top."""

    def __init__(self) -> None:
        self.image = Image.new("L", (WIDTH, HEIGHT), 252)
        self.draw = ImageDraw.Draw(self.image)
        self.y = MARGIN

    def line(self, text: str, *, size: int = 20, align: Literal["left", "right", "centre"] = "left") -> None:
        """Write one line and move below it."""
        anchors = {"left": (MARGIN, "la"), "right": (WIDTH - MARGIN, "ra"), "centre": (WIDTH // 2, "ma")}
        x, anchor = anchors[align]
        self.draw.text((x, self.y), text, font=font(size), fill=20, anchor=anchor)
        self.y += round(size * 1.5)

    def paragraph(self, text: str, *, size: int = 20) -> None:
        """Write text broken at blanks to the width of the page, with space after it."""
        line = ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if font(size).getlength(longer) > WIDTH - 2 * MARGIN:
                self.line(line, size=size)
                longer = word
            line = longer
        self.line(line, size=size)
        self.space(size // 2)

    def space(self, pixels: int) -> None:
        """Leave a gap."""
        self.y += pixels

    def rule(self, *, thickness: int = 2) -> None:
        """Draw a line across the page."""
        self.draw.line((MARGIN, self.y, WIDTH - MARGIN, self.y), fill=60, width=thickness)
        self.y += 14

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], *, size: int = 19) -> None:
        """Draw a ruled table: the first column to the left and wide, the others to the right."""
        inner = WIDTH - 2 * MARGIN
        first = inner * 7 // (5 * len(header) + 2)
        step = (inner - first) / (len(header) - 1)
        height = size * 2
        top = self.y
        for number, cells in enumerate([header, *rows]):
            if number == 0:
                self.draw.rectangle((MARGIN, self.y, WIDTH - MARGIN, self.y + height), fill=222)
            middle = self.y + height // 2
            self.draw.text((MARGIN + 10, middle), cells[0], font=font(size), fill=20, anchor="lm")
            for column, cell in enumerate(cells[1:], start=1):
                right = MARGIN + first + step * column - 10
                self.draw.text((right, middle), cell, font=font(size), fill=20, anchor="rm")
            self.y += height
            self.draw.line((MARGIN, self.y, WIDTH - MARGIN, self.y), fill=150, width=1)
        self.draw.rectangle((MARGIN, top, WIDTH - MARGIN, self.y), outline=60, width=2)
        self.y += size

    def encoded(self) -> bytes:
        """Return the page as PNG bytes."""
        return png(self.image)
