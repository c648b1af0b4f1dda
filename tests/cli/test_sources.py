"""`sources`, `peek`, `schema`, `version`: what can be read and how it looks."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from curation.cli.main import main
from curation.cli.peek import describe_row, print_row
from curation.records import Address, Drop, Flag, FrameFolder, Image, Sample, Text, Turn, Video
from curation.sources import ADAPTERS


def test_every_adapter_is_listed_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["adapter", *sorted(ADAPTERS)]


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_is_shown_with_what_its_card_tells(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", name, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert main(["sources", name]) == 0
    told = " ".join(capsys.readouterr().out.split())
    words = [card["title"], card["license"], *card["kinds"], *card["columns"], *card["options"], *card["quirks"]]
    assert all(" ".join(word.split()) in told for word in words)


def test_an_unknown_adapter_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "docmatx"]) == 1
    assert "did you mean 'docmatix'?" in capsys.readouterr().err


SAMPLE = Sample(
    row_key="train/a.jsonl:17",
    row_id="000123",
    turns=(
        Turn(
            role="user",
            parts=(
                Image(content=b"12345", name="a.png"),
                Text(text="What\nis this? "),
                Video(content=Address(path="v.tar", offset=512, length=9), name="v.mp4", start_seconds=1.5),
                Video(content=FrameFolder(frames=(Address(path="f/0.jpg"),) * 3, fps=2.0, path="f")),
            ),
        ),
        Turn(role="assistant", parts=(Text(text="A cat."),)),
    ),
    columns={"rating": 4},
    flags=(Flag(reason="placeholder_added"),),
)
SHOWN = """\
train/a.jsonl:17  (id 000123)
  user: [image a.png (bytes 5)]What
    is this? [video v.mp4 (start_seconds 1.5, path v.tar#bytes=512+9)][video (frames 3, fps 2.0, path f)]
  assistant: A cat.
  flag: placeholder_added
  rating = 4
"""


def test_a_sample_is_peeked_with_its_media_in_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    print_row(SAMPLE)
    assert capsys.readouterr().out == SHOWN


def test_a_drop_is_peeked_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_row(
        Drop(row_key="a.jsonl:3", reason="placeholder_mismatch", measured=2, threshold=1, detail={"of": "<image>"})
    )
    assert capsys.readouterr().out == (
        "a.jsonl:3  dropped: placeholder_mismatch\n  measured 2, threshold 1, of <image>\n"
    )
    print_row(Drop(row_key="a.jsonl:4", reason="no_text"))
    assert capsys.readouterr().out == "a.jsonl:4  dropped: no_text\n"


def test_a_row_is_plain_data_for_json() -> None:
    plain = json.loads(json.dumps(describe_row(SAMPLE)))
    assert plain["turns"][0]["parts"][0] == {"type": "image", "name": "a.png", "bytes": 5}
    assert plain["flags"] == ["placeholder_added"]


def test_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"sources", "mixture", "filters", "video"} <= schema["properties"].keys()


def test_versions_are_those_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["duckdb"] == version("duckdb")
