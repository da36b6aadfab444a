"""Answer a study offline on GPUs: vLLM inside Ray Data, no server in between.

A study's model that is served by an OpenAI-compatible server (`provider = "openai"`) can be asked without
the server: this script gives the calls that have no answer yet to `ray.data.llm`, which starts vLLM engines
on the cluster's GPUs, and writes what comes back into the study's journal as it comes. Then

    populace study run STUDY.toml

finds every answer there, asks nothing again, and makes the tables. Stopped half-way, the same command
goes on where it was.

Needs, on every node: `pip install 'populace[ray]' 'ray[llm]'` and a GPU. For example, four GPUs with one
engine each:

    python examples/vllm_ray.py STUDY.toml --engines 4 --source judge=Qwen/Qwen2.5-7B-Instruct
        --source writer=meta-llama/Llama-3.1-8B-Instruct

`writer` and `judge` stand for the models' names in the study file. The request keys name a model as the study
file does (name, revision), so the weights behind `--source` have to be those; a model without a `--source` is
not asked. Answers differ from a server's in the last digits, as two servers' do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.errors import ModelError, PopulaceError
from populace.models.openai import OpenAI
from populace.models.records import Failure, Request
from populace.run import Journal, Record
from populace.run.batch import submissions
from populace.run.distributed import joined
from populace.study import Study
from populace.study.prepare import prepare

Row = dict[str, Any]
Map = Callable[[Row], Row]
Engine = Callable[[Map, Map], Callable[[Any], Any]]
"""Makes, of a step before and a step after, what turns a dataset of calls into one of replies."""

_ROWS = 20_000
"""Calls in a file that Ray Data reads."""


def main() -> None:
    """Ask every stage whose model is served, in turn."""
    given = arguments()
    study = Study.load(given.study, given.folder)
    try:
        with joined(given.address):
            ask_stages(study, given.source, lambda weights, p: vllm(weights, given.engines, given.gpus, p))
    except PopulaceError as error:
        sys.exit(str(error))
    print(f"now run: populace study run {given.study}")


def ask_stages(study: Study, given: Sequence[str], engine: Callable[[str, OpenAI], Engine]) -> None:
    """Have the stages answered, each by an engine with the weights of its own model."""
    models = study.models()
    weights = sources(given, [model.model for model in models])
    with Journal(study.folder / "journal") as journal:
        if any(known.batch and not known.closed for known in submissions(journal)):
            raise ModelError(
                "calls of this study are in open batches, and would be made twice",
                fix="populace batch collect, or populace batch cancel and then collect, and run again",
            )
        for stage in study.stages(prepare(study.settings, study.base), *models, journal):
            model = stage.provider.model
            if not isinstance(stage.provider, OpenAI):
                raise ModelError(
                    f"stage {stage.name} asks {model}, which no server serves",
                    fix="run: populace study run, which asks it and goes on",
                )
            if model not in weights:
                raise ModelError(
                    f"stage {stage.name} asks {model}, and no --source gives its weights",
                    fix=f"add --source {model.partition('@')[0]}=WEIGHTS, or run: populace study run, "
                    "which asks its server and goes on",
                )
            made = engine(weights[model], stage.provider)
            count = answer(stage.name, stage.requests(), stage.provider, journal, made)
            print(f"{stage.name}: {count:,} calls made, {journal.totals[stage.name].failed:,} failed")


def sources(given: Sequence[str], models: Sequence[str]) -> Mapping[str, str]:
    """Read MODEL=WEIGHTS; MODEL is a name in the study file, or the whole identity where names are alike."""
    found: dict[str, str] = {}
    for text in given:
        name, _, weights = text.partition("=")
        meant = {m for m in models if m == name} or {m for m in models if m.startswith(f"{name}@")}
        if not weights or len(meant) != 1:
            raise ModelError(
                f"--source {text} names no one model of this study",
                fix=f"write MODEL=WEIGHTS, where MODEL is one of {', '.join(dict.fromkeys(models))}",
            )
        found[meant.pop()] = weights
    return found


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Answer a study's calls offline with vLLM and Ray Data.")
    parser.add_argument("study", type=Path, help="study file; its models have provider = 'openai'")
    parser.add_argument("--folder", type=Path, help="the study's folder (default: studies/NAME)")
    parser.add_argument(
        "--source",
        required=True,
        action="append",
        metavar="MODEL=WEIGHTS",
        help="weights of a model of the study: a Hugging Face name or a folder; once for each model",
    )
    parser.add_argument("--engines", type=int, default=1, help="copies of the model (default: 1)")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of one copy, tensor-parallel (default: 1)")
    parser.add_argument("--address", help="Ray cluster: auto or HOST:PORT (default: this machine alone)")
    return parser.parse_args()


def vllm(source: str, engines: int, gpus: int, provider: OpenAI) -> Engine:
    """Make the engine that runs on GPUs. Nothing else here knows of vLLM."""

    def build(before: Map, after: Map) -> Callable[[Any], Any]:
        from ray.data.llm import build_processor, vLLMEngineProcessorConfig

        config = vLLMEngineProcessorConfig(
            model_source=source,
            concurrency=engines,
            batch_size=64,
            # Calls come persona by persona: what a persona's share is computed once.
            engine_kwargs={"tensor_parallel_size": gpus, "enable_prefix_caching": True},
            detokenize_stage=False,  # vLLM does it, and gives the tokens' texts beside their likelihoods
            should_continue_on_error=True,  # an error is a row, as everywhere here
            log_engine_metrics=False,
        )
        template = msgspec.json.decode(provider.encode(_probe(provider))).get("chat_template_kwargs")
        more = {"builder_kwargs": {"chat_template_kwargs": template}} if template else {}
        return build_processor(config, preprocess=before, postprocess=after, **more)

    return build


def answer(
    stage: str, requests: Iterable[Request], provider: OpenAI, journal: Journal, engine: Engine
) -> int:
    """Have `engine` answer what the journal does not hold; return how many calls that took."""
    import ray.data

    folder = journal.path.parent / "offline"
    count = _export(_left(requests, provider, journal), provider, folder)
    try:
        if count:
            replies = engine(before, after)(ray.data.read_parquet(str(folder)))
            for batch in replies.iter_batches(batch_size=None):
                asked, errors = batch["request"], batch["__inference_error__"]
                replied = batch.get("reply", [None] * len(asked))  # rows of errors come without
                rows = zip(asked, replied, errors, strict=True)
                journal.append(_record(stage, provider, *row) for row in rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return count


def before(row: Row) -> Row:
    """Make of a call what the engine takes: a conversation and how to sample."""
    body = msgspec.json.decode(row["body"])
    sampling = {name: body[name] for name in ("max_tokens", "temperature", "seed")}
    if body.get("logprobs"):
        sampling["logprobs"] = body["top_logprobs"]
    if form := body.get("response_format"):
        sampling["structured_outputs"] = {"json": msgspec.json.encode(form["json_schema"]["schema"]).decode()}
    # A conversation that ends with the assistant's turn is gone on with: that is a request's opening.
    return {"request": row["request"], "messages": body["messages"], "sampling_params": sampling}


def after(row: Row) -> Row:
    """Make of the engine's row a chat completion, which the provider reads as it reads a server's."""
    tokens = int(row["num_generated_tokens"])
    # vLLM's reason is not passed on, but only a text that was cut has as many tokens as it may have.
    limit = msgspec.json.decode(row["request"]).get("max_tokens", 1)
    choice: Row = {
        "message": {"content": row["generated_text"]},
        "finish_reason": "length" if tokens >= limit else "stop",
    }
    if row.get("logprobs") is not None:
        choice["logprobs"] = {"content": [{"top_logprobs": _alternatives(p)} for p in row["logprobs"][:1]]}
    usage = {"prompt_tokens": int(row["num_input_tokens"]), "completion_tokens": tokens}
    reply = msgspec.json.encode({"choices": [choice], "usage": usage}).decode()
    return {"request": row["request"], "reply": reply}


def _alternatives(position: Row) -> list[Row]:
    found = (value for value in position.values() if value is not None)
    return [{"token": one["decoded_token"], "logprob": float(one["logprob"])} for one in found]


def _probe(provider: OpenAI) -> Request:
    from populace.models.records import GenerateRequest, Message

    return GenerateRequest(model=provider.model, messages=(Message("user", ""),), max_tokens=1)


def _left(requests: Iterable[Request], provider: OpenAI, journal: Journal) -> Iterator[Request]:
    """Yield what has no answer and did not fail for a reason of its own, once each."""
    taken: set[str] = set()
    for request in requests:
        if request.model != provider.model:
            raise ModelError(f"a request is for {request.model}, not {provider.model}")
        key = request.key
        failure = journal.failure(key)
        if key not in journal and key not in taken and (failure is None or failure.retryable):
            taken.add(key)
            yield request


def _export(requests: Iterable[Request], provider: OpenAI, folder: Path) -> int:
    """Write calls as Parquet; return how many there are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count, rows = 0, []

    def flush() -> None:
        pl.DataFrame(rows).write_parquet(folder / f"{count:09d}.parquet")
        rows.clear()

    for request in requests:
        count += 1
        text = msgspec.json.encode(request).decode()
        rows.append({"request": text, "body": provider.encode(request).decode()})
        if len(rows) == _ROWS:
            flush()
    if rows:
        flush()
    return count


def _record(stage: str, provider: OpenAI, request: str, reply: str | None, error: str) -> Record:
    """Read one reply; an error is read as a server's would be."""
    asked = msgspec.json.decode(request, type=Request)
    # 500: memory, a dead engine may pass. Words about the context's length are read at any status.
    status, content = (200, reply or "") if not error else (500, _refusal(error))
    result = provider.decode(asked, status, {}, content.encode())
    dollars = None
    if provider.price is not None and not isinstance(result, Failure):
        use = result.usage
        dollars = provider.price.dollars(
            prompt_tokens=use.prompt_tokens, completion_tokens=use.completion_tokens
        )
    # Calls run side by side inside the engine: how long one took is not known.
    return Record(stage=stage, result=result, seconds=0.0, at=round(time.time(), 3), dollars=dollars)


def _refusal(error: str) -> str:
    return msgspec.json.encode({"error": {"message": error}}).decode()


if __name__ == "__main__":
    main()
