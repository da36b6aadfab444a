"""lm-evaluation-harness: `simple_evaluate` of a task of N documents with the `local-chat-completions` model.

The task is a YAML file over a JSONL file, output type `generate_until`, and its metric is the harness's own
`bypass`, which scores nothing and keeps the samples, in memory. `num_concurrent` is the documented setting
for throughput. There is no response cache (`use_cache`), no request cache and no bootstrap.
"""

from __future__ import annotations

import json
from pathlib import Path

from workload import MAX_TOKENS, SYSTEM, arguments, done, question

TASK = {
    "task": "loop",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "",
    "generation_kwargs": {"max_gen_toks": MAX_TOKENS, "temperature": 0, "until": []},
    "metric_list": [{"metric": "bypass", "aggregation": "bypass", "higher_is_better": True}],
}


def main() -> None:
    options = arguments()
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    documents = Path(options.folder) / "questions.jsonl"
    rows = (json.dumps({"question": question(number)}) for number in range(options.calls))
    documents.write_text("\n".join(rows))
    task = TASK | {"dataset_kwargs": {"data_files": {"test": str(documents)}}}
    results = simple_evaluate(
        model="local-chat-completions",
        model_args={
            "model": "loopback",
            "base_url": f"{options.url}/chat/completions",
            "num_concurrent": options.concurrency,
            "max_retries": 3,
        },
        tasks=[task],
        system_instruction=SYSTEM,
        apply_chat_template=True,
        bootstrap_iters=0,
        task_manager=TaskManager(include_defaults=False),
    )
    samples = results["samples"]["loop"] if results else []
    done([sample["resps"][0][0] for sample in samples], options.calls)


if __name__ == "__main__":
    main()
