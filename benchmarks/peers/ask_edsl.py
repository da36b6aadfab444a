"""EDSL: one free-text question over N scenarios, run locally on the `openai_compatible` service.

`max_concurrency` is C and the service's requests and tokens a minute (`EDSL_SERVICE_RPM_...`) are so high
that they never bind. The cache starts empty and `fresh=True`; remote execution, progress bar and price
look-up are off.
"""

from __future__ import annotations

import os

from workload import MAX_TOKENS, SYSTEM, arguments, done, question


def main() -> None:
    options = arguments()
    os.environ |= {
        "OPENAI_COMPATIBLE_BASE_URL": options.url,
        "OPENAI_COMPATIBLE_API_KEY": "none",
        "EDSL_SERVICE_RPM_OPENAI_COMPATIBLE": "100000000",
        "EDSL_SERVICE_TPM_OPENAI_COMPATIBLE": "100000000000",
        "EDSL_FETCH_TOKEN_PRICES": "False",
    }
    from edsl import Agent, Cache, Model, QuestionFreeText, Scenario, ScenarioList

    text = question(0).replace("0", "{{ scenario.number }}")
    asked = QuestionFreeText(question_name="q", question_text=text)
    numbers = ScenarioList([Scenario({"number": number}) for number in range(options.calls)])
    model = Model("loopback", service_name="openai_compatible", max_tokens=MAX_TOKENS, temperature=0)
    results = (
        asked.by(numbers)
        .by(Agent(instruction=SYSTEM))
        .by(model)
        .run(
            cache=Cache(),
            fresh=True,
            offload_execution=False,
            disable_remote_inference=True,
            progress_bar=False,
            max_concurrency=options.concurrency,
        )
    )
    done(results.select("answer.q").to_list(), options.calls)


if __name__ == "__main__":
    main()
