"""SmolTalk: the conversations that trained SmolLM2's instruction models.

Parquet, `data/<config>/train-*.parquet`, columns `messages` (list of {content, role}, content first) and `source`;
some configs have further columns and no `source`. smol-smoltalk has the same form.

Licence: Apache-2.0; parts under their own.
"""

from __future__ import annotations

from curation.records import Card
from curation.sources.talks import TALK_COLUMNS, TALK_OPTIONS, Talks

CARD = Card(
    name="smoltalk",
    title="SmolTalk",
    kinds=("text",),
    license="Apache-2.0",
    hub_id="HuggingFaceTB/smoltalk",
    configs=("all", "and 13 parts, each a folder of data/"),
    layout="Parquet, data/<config>/{train,test}-*.parquet",
    columns={**TALK_COLUMNS, "source": "string or absent, kept as a column"},
    options=TALK_OPTIONS,
    quirks=(
        "`all` holds the rows of the other configs once more: name one or the others, not both",
        "a system prompt may stand first",
    ),
    citation="Ben Allal et al., SmolLM2: When Smol Goes Big, 2025",
)
_SET = Talks(card=CARD, columns=("source",))
tasks = _SET.tasks
samples = _SET.samples
