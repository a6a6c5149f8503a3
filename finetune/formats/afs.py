"""Taiwan's AFS (TWCC AI Foundry Service): Alpaca in JSON lines, its minimum of training tokens checked and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune.datasets import Dataset
from finetune.formats import Exported
from finetune.formats.writing import write_splits
from finetune.records import Pair
from memory.workspace import write_text

MINIMUM = 524_288
"""Training tokens that AFS asks for at least."""
RECOMMENDED = 10_000_000
"""Training tokens that AFS recommends."""


_GUIDE = """# Fine-tuning at Taiwan's AFS (AI Foundry Service)

`train.jsonl` holds {train:,} rows, `dev.jsonl` {dev:,}: Alpaca (instruction, input, output), one JSON object a line,
UTF-8. {note}

The token count above is an estimate on the high side; AFS counts with its own tokenizer when you register the files.

AFS has no public interface for training jobs, so these steps are done on its pages:

1. Sign in at TWCC and open AFS. Rows made from your documents leave this machine with the next step.
2. In **Dataset Management**, upload `train.jsonl` and register it as a training set; do the same with `dev.jsonl` as a
   validation set. AFS checks the format and shows the tokens: at least 524,288, better 10,000,000.
3. In **AFS Platform**, create a training job: choose the base model and the registered sets, leave the recipe as it is.
   The page shows the price before you confirm.
4. When the job is done, create an inference service for the new model in **AFS Cloud** and note its address, the
   model's name and the key.
5. Let Docgraft use it, in `settings.toml` (the key itself: `docgraft keys set AFS_API_KEY`):

   ```toml
   [models.afs]
   name = "THE MODEL'S NAME"
   provider = "openai"
   base_url = "THE ADDRESS, UP TO /v1 WHERE IT HAS ONE"
   api_key_env = "AFS_API_KEY"
   ```

6. Compare it with what you have: `docgraft compare --models afs`.
"""


def export(dataset: Dataset, folder: Path) -> Exported:
    """train.jsonl, dev.jsonl, a README with every step, and a note on the tokens against minimum and recommendation."""
    files, rows, tokens = write_splits(dataset, folder, "jsonl", _row)
    write_text(folder / "README.md", guide(rows, tokens))
    return Exported(format="afs", files=(*files, "README.md"), rows=rows, tokens=tokens, notes=notes(tokens))


def guide(rows: dict[str, int], tokens: int) -> str:
    """What to do with the files: AFS has no public interface for jobs, so it is done by hand on its pages."""
    return _GUIDE.format(train=rows.get("train", 0), dev=rows.get("dev", 0), note=notes(tokens)[0])


def notes(tokens: int) -> tuple[str, ...]:
    """What the number of tokens means for AFS."""
    if tokens < MINIMUM:
        return (
            f"About {tokens:,} training tokens: below the AFS minimum of {MINIMUM:,}. Add documents or wordings, or "
            f"repeat the file {-(-MINIMUM // max(1, tokens))} times; AFS recommends {RECOMMENDED:,}.",
        )
    if tokens < RECOMMENDED:
        return (
            f"About {tokens:,} training tokens: enough for AFS ({MINIMUM:,}), below its recommended {RECOMMENDED:,}.",
        )
    return (f"About {tokens:,} training tokens: as many as AFS recommends ({RECOMMENDED:,}).",)


def _row(pair: Pair) -> dict[str, Any]:
    """Earlier turns go into the input: AFS reads three fields only."""
    before = "\n".join(f"{user}\n{assistant}" for user, assistant in pair.history)
    return {
        "instruction": pair.instruction,
        "input": "\n".join(part for part in (before, pair.input) if part),
        "output": pair.output,
    }
