"""NeMo Data Designer: `create` with one sampled column (the question's number) and one `llm-text` column.

`max_parallel_requests` is C, as its page on performance says; row groups are as large as the run, the
readiness call is skipped, tracing and the terminal display are off (their defaults), OpenTelemetry metrics
off (`otel_metrics_port=None`), and templates rendered by plain Jinja2 (`jinja_rendering_engine="native"`).
It writes its Parquet files and profiles the column, which is part of `create`.
"""

from __future__ import annotations

import os

os.environ["NEMO_TELEMETRY_ENABLED"] = "false"

import data_designer.config as dd
from data_designer.interface import DataDesigner
from workload import MAX_TOKENS, SYSTEM, arguments, done, question


def main() -> None:
    options = arguments()
    provider = dd.ModelProvider(name="loop", endpoint=options.url, provider_type="openai", api_key="none")
    designer = DataDesigner(artifact_path=options.folder, model_providers=[provider])
    designer.set_run_config(
        dd.RunConfig(
            buffer_size=options.calls,
            max_in_flight_tasks=max(1024, 2 * options.concurrency),
            otel_metrics_port=None,
            jinja_rendering_engine="native",
        )
    )
    model = dd.ModelConfig(
        alias="loop",
        model="loopback",
        provider="loop",
        skip_health_check=True,
        inference_parameters=dd.ChatCompletionInferenceParams(
            max_parallel_requests=options.concurrency, max_tokens=MAX_TOKENS, temperature=0.0
        ),
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.add_column(
        dd.SamplerColumnConfig(name="number", sampler_type="uuid", params=dd.UUIDSamplerParams())
    )
    builder.add_column(
        dd.LLMTextColumnConfig(
            name="answer",
            prompt=question(0).replace("0", "{{ number }}"),
            system_prompt=SYSTEM,
            model_alias="loop",
        )
    )
    results = designer.create(builder, num_records=options.calls, dataset_name="answers")
    done(list(results.load_dataset()["answer"]), options.calls)


if __name__ == "__main__":
    main()
