"""A secret reaches a build by the environment alone, and is in nothing that is written or said."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from curation.build import build
from curation.credentials import FromEnvironment, expanded, hidden, literal_secret, redacted, without_credentials
from curation.engine.events import append_line
from curation.errors import CurationError, ManifestError, MediaError
from curation.filters.benchmark_files import list_files, read_rows, stamp
from curation.filters.benchmarks import Benchmark
from curation.manifest_names import load_manifest
from curation.media import read
from curation.media_root import MediaRoot
from curation.records import Address
from curation.sources.files import list_files as list_source_files
from tests.corpora import write_llava

SECRET = "planted-s3cret-0451"
OTHER = "other-s3cret-9000"
MANIFEST = """
version: 1
name: "${{LABEL}} mix"
profile: smolvlm2-256m
tokenizer: bytes
sources:
  pictures:
    adapter: llava
    uri: ${{DATA}}/rows.json
    media: http://127.0.0.1:{port}/${{TOKEN}}
    kind: image
  signed:
    adapter: llava
    uri: "http://reader:${{SIGNATURE}}@127.0.0.1:{port}/${{TOKEN}}/rows.json"
    media: "${{DATA}}/images"
prompts: {{system: {{default: "say ${{GREETING}} and $${{x}}"}}}}
mixture: {{unit: samples, weights: {{pictures: natural, signed: natural}}}}
"""


class _Quiet(SimpleHTTPRequestHandler):
    """Serves the folder under the secret alone."""

    def translate_path(self, path: str) -> str:
        """Take the secret off the path; without it nothing is found."""
        key, _, rest = path.partition("?")[0].removeprefix("/").partition("/")
        return super().translate_path(f"/{rest}" if key in (SECRET, OTHER) else "/none")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    write_llava(tmp_path / "data", num_rows=3)
    for number in range(3):
        (tmp_path / "data" / f"{number}.png").write_bytes((tmp_path / "data" / "images" / f"{number}.png").read_bytes())
    variables = {"TOKEN": SECRET, "SIGNATURE": SECRET, "DATA": str(tmp_path / "data")}
    for name, value in (variables | {"LABEL": SECRET, "GREETING": "good day"}).items():
        monkeypatch.setenv(name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "data")))
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    path = tmp_path / "manifest.yaml"
    path.write_text(MANIFEST.format(port=server.server_port))
    yield path
    server.shutdown()
    server.server_close()


def holders(folder: Path, secret: str = SECRET) -> list[str]:
    """Return the files that hold a secret in their names or bytes, Parquet columns read as text too."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(folder.rglob("*")):
        texts = [str(path).encode()]
        if path.is_file():
            texts.append(path.read_bytes())
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pylist()).encode())
        if any(secret.encode() in text for text in texts):
            found.append(str(path.relative_to(folder)))
    return found


def test_a_planted_secret_is_in_no_file_of_a_build_and_its_workspace(manifest: Path) -> None:
    folder = manifest.parent
    command = [sys.executable, "-m", "curation", "-v", "build", str(manifest), "-o", str(folder / "out")]
    done = subprocess.run([*command, "--workers", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert holders(folder) == []


def test_the_manifest_of_a_build_keeps_its_variables_and_builds_again(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = manifest.parent
    made = build(manifest, output=folder / "out", workers=1)
    written = (folder / "out" / "manifest.yaml").read_text()
    for text in ("${LABEL} mix", "reader:${SIGNATURE}@127", "${DATA}/images", "say ${GREETING} and $${x}"):
        assert text in written
    assert holders(folder) == []
    again = build(folder / "out" / "manifest.yaml", output=folder / "again", workspace=folder / "ws", workers=1)
    assert again.files == made.files
    prompt = made.settings["prompts"]["system"]
    assert "${GREETING}" in str(prompt) and "good day" not in str(prompt)
    assert SECRET not in str(made.sql("select uri from media").to_dicts())


@pytest.mark.slow
def test_another_value_of_a_credential_is_the_same_build_and_of_a_text_another(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = manifest.parent
    made = build(manifest, output=folder / "a", workers=1)
    monkeypatch.setenv("SIGNATURE", OTHER)
    monkeypatch.setenv("TOKEN", OTHER)
    assert build(manifest, output=folder / "a", workers=1).fingerprint == made.fingerprint
    monkeypatch.setenv("GREETING", "good night, and good luck")
    changed = build(manifest, output=folder / "b", workers=1)
    assert changed.fingerprint != made.fingerprint
    assert changed.sql("select sum(tokens) from samples").item() != made.sql("select sum(tokens) from samples").item()


@pytest.mark.slow
def test_errors_and_bug_logs_hold_no_secret(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "0.1")
    monkeypatch.setenv("TMPDIR", str(manifest.parent))
    text = manifest.read_text().replace("/${TOKEN}/rows.json", "/${TOKEN}/none.json") + "output: {path: out}\n"
    manifest.write_text(text)
    for verb in ("build", "check", "plan"):
        command = [sys.executable, "-m", "curation", "-v", verb, str(manifest)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, (done.stdout, done.stderr)
        assert SECRET not in done.stdout + done.stderr
        assert "${TOKEN}" in done.stdout + done.stderr
    assert [name for name in holders(manifest.parent) if ".curation/pull" not in name] == []


def test_an_event_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "told-s3cret-77")
    assert FromEnvironment("${TOKEN}") == "told-s3cret-77"
    append_line(tmp_path / "events.jsonl", {"error": "refused told-s3cret-77 at https://u:pass@h/x"})
    assert json.loads((tmp_path / "events.jsonl").read_bytes()) == {"error": "refused ${TOKEN} at https://***@h/x"}


def test_a_benchmark_under_a_url_is_opened_with_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH", str(tmp_path))
    (tmp_path / "a.jsonl").write_text('{"question": "Which?"}\n')
    for place in ("file://${BENCH}/a.jsonl", "file://${BENCH}/*.jsonl", "file://${BENCH}"):
        (found,) = list_files(Benchmark(name="own", places=(place,), field=None))
        assert found == "file://${BENCH}/a.jsonl" and stamp(found).startswith(found)
        assert list(read_rows(found, ["question"])) == [{"question": "Which?"}]


def test_rows_and_names_of_objects_can_not_read_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    (tmp_path / "${TOKEN}.png").write_bytes(b"its own")
    (tmp_path / f"{SECRET}.png").write_bytes(b"another's")
    root = MediaRoot([f"file://{tmp_path}"], allow_outside=True)
    for name in ("${TOKEN}.png", "$${TOKEN}.png", "https://host/?q=${TOKEN}"):
        content = root.find(name).content
        assert isinstance(content, Address)
        assert expanded(content.path).endswith(name)
    assert read(root.find("${TOKEN}.png").content) == b"its own"
    listed = list_source_files([f"file://{tmp_path}"], suffixes=(".png",))
    assert sorted(read(Address(path=file.path)) for file in listed) == [b"another's", b"its own"]


def test_a_variable_that_is_not_set_is_named(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN")
    with pytest.raises(ManifestError, match="no variable 'TOKEN'"):
        load_manifest(manifest)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://user:hunter22@host/x.parquet", "a password"),
        ("https://host/x.parquet?X-Amz-Signature=abcdef", "a signature"),
        ("https://host/x.parquet?a=1&token=abcdef", "a signature or token"),
    ],
)
def test_a_secret_in_a_manifest_is_refused_without_being_repeated(manifest: Path, url: str, secret: str) -> None:
    manifest.write_text(MANIFEST.format(port=1).replace("${DATA}/rows.json", f'"{url}"'))
    with pytest.raises(ManifestError, match=f"holds {secret}.*variable of the environment") as caught:
        load_manifest(manifest)
    assert "hunter22" not in str(caught.value) and "abcdef" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't read s3://id:pass@host/a?b=1", "can't read s3://***@host/a?b=1"),
        (
            "https://h/x?X-Amz-Credential=AK&X-Amz-Signature=ff#y",
            "https://h/x?X-Amz-Credential=***&X-Amz-Signature=***#y",
        ),
        ("https://h/x?sig=${SIG}&w=2", "https://h/x?sig=${SIG}&w=2"),
        ("https://h:8080/a:b@c", "https://h:8080/a:b@c"),
        ("a plain?token=x text", "a plain?token=x text"),
    ],
)
def test_passwords_and_signatures_are_taken_out_of_texts(text: str, shown: str) -> None:
    assert hidden(text) == shown
    assert str(CurationError(text)) == shown
    assert MediaError("unreadable_media", text).detail == shown


def test_the_place_of_a_url_does_not_depend_on_who_asks() -> None:
    assert without_credentials("s3://a:b@h/x?sig=1&v=2") == without_credentials("s3://c:d@h/x?sig=9&v=2")
    assert literal_secret("https://u:${P}@h/x?sig=${S}") == ""


def test_a_value_from_the_environment_travels_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setenv("TOKEN", SECRET)
    value = FromEnvironment("Bearer ${TOKEN}")
    packed = pickle.dumps(value)
    assert value == f"Bearer {SECRET}" and SECRET.encode() not in packed
    monkeypatch.setenv("TOKEN", OTHER)
    assert pickle.loads(packed) == f"Bearer {OTHER}"
    assert SECRET not in redacted(f"refused: {value}")
