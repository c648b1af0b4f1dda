"""Hard negatives for image filters: pictures from one template that differ in a few digits, drawn from seeds."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

WORDS = (
    *("total", "amount", "paper", "valve", "order", "glass", "river", "stone"),
    *("market", "signal", "window", "copper", "engine", "letter", "number", "garden"),
)


def invoice(seed: int) -> Image.Image:
    """One layout, one sender, other numbers."""
    choose = random.Random(f"invoice{seed}")
    image, draw = _page(680, 880)
    draw.text((40, 30), "ACME SUPPLIES LTD", font=_font(26), fill="black")
    date = f"2024-0{choose.randint(1, 9)}-1{choose.randint(0, 9)}"
    draw.text((40, 70), f"Invoice no. {choose.randint(10000, 99999)}   Date {date}", font=_font(15), fill="black")
    total = 0
    for row in range(14):
        price = choose.randint(100, 99999)
        total += price
        draw.line((40, 124 + row * 40, 640, 124 + row * 40), fill="gray")
        draw.text((44, 130 + row * 40), f"{row + 1}  {WORDS[row]}", font=_font(15), fill="black")
        draw.text((540, 130 + row * 40), f"{price / 100:.2f}", font=_font(15), fill="black")
    draw.text((440, 740), f"TOTAL {total / 100:.2f}", font=_font(20), fill="black")
    return image


def receipt(seed: int) -> Image.Image:
    """A receipt of which only two prices and the sum differ from another's."""
    choose = random.Random(f"receipt{seed}")
    image, draw = _page(420, 900)
    draw.text((110, 20), "CORNER SHOP", font=_font(24), fill="black")
    prices = [random.Random(row).randint(100, 999) for row in range(16)]
    for row in choose.sample(range(16), 2):
        prices[row] = choose.randint(100, 999)
    for row, price in enumerate(prices):
        draw.text((24, 80 + row * 44), f"{WORDS[row]:<10}", font=_font(18), fill="black")
        draw.text((330, 80 + row * 44), f"{price / 100:.2f}", font=_font(18), fill="black")
    draw.text((24, 820), f"SUM {sum(prices) / 100:.2f}", font=_font(24), fill="black")
    return image


def text_page(seed: int) -> Image.Image:
    """Full lines of random words."""
    choose = random.Random(f"page{seed}")
    image, draw = _page(680, 880)
    for row in range(34):
        draw.text((40, 40 + row * 24), " ".join(choose.choices(WORDS, k=9)), font=_font(14), fill="black")
    return image


def chart(seed: int) -> Image.Image:
    """Five bars, other heights."""
    choose = random.Random(f"chart{seed}")
    image, draw = _page(640, 480)
    draw.line((60, 20, 60, 420, 620, 420), fill="black", width=2)
    for bar in range(5):
        value = choose.randint(10, 99)
        left = 90 + bar * 105
        draw.rectangle((left, 420 - value * 4, left + 60, 419), fill="steelblue")
        draw.text((left + 20, 426), str(value), font=_font(16), fill="black")
    return image


def formula(seed: int) -> Image.Image:
    """One line of symbols on an otherwise empty page: hardly any ink."""
    choose = random.Random(f"formula{seed}")
    image, draw = _page(600, 800)
    term = " + ".join(f"{choose.randint(2, 99)}{choose.choice('xyzabc')}^{choose.randint(2, 9)}" for _ in range(4))
    draw.text((60, 90), f"{term} = {choose.randint(0, 999)}", font=_font(20), fill="black")
    return image


def photo(seed: int) -> Image.Image:
    """Soft random shapes of many sizes, as in a photograph."""
    choose = random.Random(f"photo{seed}")
    image = Image.frombytes("RGB", (12, 9), choose.randbytes(12 * 9 * 3)).resize((640, 480), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, size = choose.randint(0, 640), choose.randint(0, 480), choose.randint(4, 90)
        colour = tuple(choose.randbytes(3))
        (draw.ellipse if choose.random() < 0.5 else draw.rectangle)((x, y, x + size, y + size * 0.7), fill=colour)
    return image


CLASSES: dict[str, Callable[[int], Image.Image]] = {
    "chart": chart,
    "formula": formula,
    "invoice": invoice,
    "photo": photo,
    "receipt": receipt,
    "text_page": text_page,
}


def png(image: Image.Image) -> bytes:
    """Encode without loss."""
    return encoded(image, "PNG")


def encoded(image: Image.Image, name: str, quality: int = 90) -> bytes:
    """Encode as PNG, JPEG or WEBP."""
    buffer = io.BytesIO()
    image.save(buffer, name, quality=quality)
    return buffer.getvalue()


def resized(image: Image.Image, factor: float) -> Image.Image:
    """Scale both sides."""
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Cut a share of each side's length off, half at either end."""
    across, down = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((across, down, image.width - across, image.height - down))


EDITS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg75": lambda image: encoded(image, "JPEG", 75),
    "jpeg30": lambda image: encoded(image, "JPEG", 30),
    "webp50": lambda image: encoded(image, "WEBP", 50),
    "half": lambda image: png(resized(image, 0.5)),
    "crop4": lambda image: png(cropped(image, 0.04)),
}


def _page(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), "white")
    return image, ImageDraw.Draw(image)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
