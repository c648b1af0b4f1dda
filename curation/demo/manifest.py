"""The demo's manifest: every part of a manifest once, with a word on each."""

MANIFEST = """\
# The demo's manifest. Every line may be changed: run `curation plan manifest.yaml` to see what comes of it, and
# `curation schema` for all keys. Paths are relative to this file.
version: 1
name: demo
seed: 17                         # decides the order and every choice; the same seed gives the same bytes
profile: smolvlm2-256m           # context, tiles and chat template of the model that will be trained
tokenizer: bytes                 # built in and offline: one token a byte. Put the model's own here for real training

sources:                         # name: where it is and which adapter reads it (`curation sources` lists them)
  docs:                          # a Parquet file holds pages and questions
    adapter: docmatix
    uri: docs/data/train-*.parquet
  charts:
    adapter: cauldron
    uri: cauldron/chartqa/train-*.parquet
    kind: image
  formulas:
    adapter: cauldron
    uri: cauldron/mathwriting/train-*.parquet
    kind: math                   # the kind chooses the system prompt; it says what the adapter can't know
  scenes:                        # conversations name images, `media` is where those are
    adapter: llava
    uri: scenes/llava_scenes.json
    media: scenes/images
    kind: image
  stories:                       # media may stay in archives: here a zip for every task
    adapter: llava
    uri: m4/m4_instruct_annotations.json
    media: m4/*.zip
    kind: multi_image
  videos:                        # and here tar.gz archives, somewhere in this folder
    adapter: llava
    uri: video/0_30_s_academic_v0_1/*_processed.json
    media: video/0_30_s_academic_v0_1/
    kind: video
  problems:                      # questions with worked answers
    adapter: text
    uri: cot/train.jsonl
    options: {prompt_field: question, answer_field: answer}
    kind: cot
  lessons:                       # plain documents
    adapter: text
    uri: text/web/*.parquet
    priority: 10                 # when a text is here and in the diaries too, this one stays
  diaries:
    adapter: text
    uri: text/diaries/*.json.gz
  chats:
    adapter: chat
    uri: chat/sft.jsonl

filters:                         # in this order; every drop is a row of the table `ledger`, with its reason
  - where: "text_chars between 1 and 20000"
  - exact_duplicates             # the same media, question and answer
  - cap: {by: [source], max: 230}
guard: {max_dropped_fraction: 0.3, max_unreadable_fraction: 0.05}   # more than this of one source: the build stops

mixture:                         # shares of the tokens; the numbers count among their neighbours only
  unit: tokens
  max_repeats: 1.0               # no sample twice, so the scarcest group decides how large the mixture is
  weights:
    text: {weight: 20, of: {lessons: natural, diaries: natural, chats: natural}}   # natural: as much as there is
    cot: {weight: 6, of: {problems: natural}}
    image: {weight: 46, of: {charts: 2, scenes: 4, formulas: 2, stories: 3}}
    document: {weight: 16, of: {docs: natural}}
    video: {weight: 12, of: {videos: natural}}

video: {fps: 1.0, max_frames: 64}   # one frame a second, as the model was trained

prompts:
  system:                        # one short instruction by kind; a sample's own system turn wins
    default: "You are a helpful assistant."
    document: "Read the page and answer the question."
    math: "Write formulas as LaTeX."
    cot: "Think step by step and give the result after ####."
    video: "Watch the video and answer the question."
    text: false                  # documents and chats stand as they are

packing: {context: 8192, strategy: best}
output: {path: builds/demo, shard_size: 16MB}
"""
