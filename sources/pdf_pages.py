"""Draw the pages of a PDF, in a process of its own: a PDF that crashes or stalls the renderer costs one row.

Needs pypdfium2 (extra `pdf`).
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import cast

from curation.child import Child, ChildDiedError, ChildTimeoutError
from curation.errors import MediaError, SourceError

_MEMORY_BYTES = 4 << 30
_SECONDS_A_PAGE = 20.0
_MAX_PIXELS = 100_000_000


def page_images(data: bytes, *, dpi: int, max_pages: int) -> list[bytes]:
    """Draw the first pages of a PDF at `dpi` dots an inch and return them as PNG.

    Raises:
        MediaError: `unreadable_pdf` (damaged, encrypted, no pages), `pdf_crash`, `pdf_timeout`, `image_too_large`.
        SourceError: pypdfium2 is not installed.

    """
    try:
        drawn = _child().call(f"{__name__}:draw", data, dpi, max_pages, timeout=_SECONDS_A_PAGE * max_pages)
    except ChildDiedError as err:
        raise MediaError("pdf_crash", f"the renderer ended with {err.exit_code}") from err
    except ChildTimeoutError as err:
        raise MediaError("pdf_timeout", str(err), measured=_SECONDS_A_PAGE * max_pages) from err
    return cast(list[bytes], drawn)


def draw(data: bytes, dpi: int, max_pages: int) -> list[bytes]:
    """Do the work of `page_images`, in the child."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as err:
        raise MediaError("unreadable_pdf", str(err)) from err
    images: list[bytes] = []
    try:
        for number in range(min(len(document), max_pages)):
            page = document[number]
            width, height = page.get_size()
            pixels = width * height * (dpi / 72) ** 2
            if pixels > _MAX_PIXELS:
                raise MediaError("image_too_large", f"page {number} at {dpi} dpi", measured=pixels)
            buffer = io.BytesIO()
            page.render(scale=dpi / 72).to_pil().convert("RGB").save(buffer, "PNG")
            images.append(buffer.getvalue())
    except pypdfium2.PdfiumError as err:
        raise MediaError("unreadable_pdf", f"page {len(images)}: {err}") from err
    finally:
        document.close()
    if not images:
        raise MediaError("unreadable_pdf", "the document has no pages", measured=0)
    return images


@lru_cache(maxsize=1)
def _child() -> Child:
    from importlib.util import find_spec

    if find_spec("pypdfium2") is None:
        raise SourceError("source: drawing PDF pages needs pypdfium2; pip install 'curation[pdf]'")
    return Child(quiet=True, memory_bytes=_MEMORY_BYTES)
