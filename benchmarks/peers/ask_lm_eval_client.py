"""lm-evaluation-harness's client alone: its `local-chat-completions` model, asked by `generate_until`.

This is the harness without the harness: no task, no document, no filter, no metric, no sample kept. What
is left is its aiohttp client, as a reference beside `ask_lm_eval.py`.
"""

from __future__ import annotations

import json

from lm_eval.api.instance import Instance
from lm_eval.models.api_models import JsonChatStr
from lm_eval.models.openai_completions import LocalChatCompletion
from workload import MAX_TOKENS, SYSTEM, arguments, done, question


def main() -> None:
    options = arguments()
    model = LocalChatCompletion(
        model="loopback",
        base_url=f"{options.url}/chat/completions",
        num_concurrent=options.concurrency,
        max_retries=3,
    )
    settings = {"max_gen_toks": MAX_TOKENS, "temperature": 0, "until": []}
    requests = [
        Instance("generate_until", {}, (chat(number), settings), number) for number in range(options.calls)
    ]
    done(model.generate_until(requests), options.calls)


def chat(number: int) -> JsonChatStr:
    """A conversation as the harness's chat template hands it on."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(number)}]
    return JsonChatStr(json.dumps(messages))


if __name__ == "__main__":
    main()
