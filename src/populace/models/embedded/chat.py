"""From messages to tokens: a checkpoint's own tokenizer and chat template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from populace.errors import ModelError
from populace.models.records import Message

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Chat", "chat_from_folder", "chat_from_gguf"]

_CONTROL, _USER_DEFINED = 3, 4
_DIGITS_SPLIT = r"\p{N}"
_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2_SPLIT = _LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")


class Chat:
    """A tokenizer with the template that turns a conversation into its tokens.

    The template sees no clock (`strftime_now` is left undefined, so templates that would print today's
    date print their fixed one): the same messages give the same tokens on any day.
    """

    def __init__(self, tokenizer: Tokenizer, template: str, stop: frozenset[int], special: dict[str, str]):
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(template)
        self._tokenizer = tokenizer
        self._special = special
        self.stop = stop
        """Tokens that end the assistant's turn."""

    def context(self, messages: Sequence[Message], opening: str = "") -> list[int]:
        """Tokens of the conversation up to where the assistant goes on after `opening`.

        Raises
        ------
        jinja2.TemplateError
            The template does not accept these messages (for example, roles that do not alternate).
        """
        turns = [{"role": message.role, "content": message.content} for message in messages]
        text = self._template.render(messages=turns, add_generation_prompt=True, **self._special)
        return self.encode(text + opening)

    def encode(self, text: str) -> list[int]:
        """Tokens of a text by itself."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, without the control tokens."""
        return self._tokenizer.decode(list(tokens), skip_special_tokens=True)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def chat_from_gguf(path: Path, metadata: dict[str, Any]) -> Chat:
    """Build tokenizer and template from a GGUF file's metadata (byte-level BPE vocabularies).

    Raises
    ------
    ModelError
        The vocabulary is of another kind, or the file has no chat template.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models

    if metadata.get("tokenizer.ggml.model") != "gpt2":
        raise ModelError(
            f"vocabularies of kind {metadata.get('tokenizer.ggml.model')!r} are not supported in GGUF",
            file=path,
            fix="give the model as a Hugging Face folder, or serve it and use the openai provider",
        )
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = _splitter(path, metadata.get("tokenizer.ggml.pre", "default"))
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata.get("tokenizer.ggml.token_type", [])
    tokenizer.add_special_tokens(
        [AddedToken(tokens[i], special=True, normalized=False) for i, k in enumerate(kinds) if k == _CONTROL]
    )
    tokenizer.add_tokens(
        [AddedToken(tokens[i], normalized=False) for i, k in enumerate(kinds) if k == _USER_DEFINED]
    )
    special = {
        f"{name}_token": tokens[metadata[f"tokenizer.ggml.{name}_token_id"]]
        for name in ("bos", "eos")
        if f"tokenizer.ggml.{name}_token_id" in metadata
    }
    ends = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
    stop = frozenset(metadata[end] for end in ends if end in metadata)
    return Chat(tokenizer, _template(path, metadata.get("tokenizer.chat_template")), stop, special)


def chat_from_folder(folder: Path, stop: frozenset[int]) -> Chat:
    """Build tokenizer and template from a Hugging Face folder.

    Raises
    ------
    ModelError
        A file is missing, or there is no chat template.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text("utf-8"))
        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except OSError as error:
        raise ModelError(
            f"cannot read the tokenizer: {error}", file=folder, fix="give a complete Hugging Face folder"
        ) from error
    beside = folder / "chat_template.jinja"
    template = beside.read_text("utf-8") if beside.exists() else settings.get("chat_template")
    special = {}
    for name in ("bos_token", "eos_token"):
        token = settings.get(name)
        special[name] = token["content"] if isinstance(token, dict) else token or ""
    if not stop and special["eos_token"]:
        stop = frozenset(i for i in [tokenizer.token_to_id(special["eos_token"])] if i is not None)
    return Chat(tokenizer, _template(folder, template), stop, special)


def _splitter(path: Path, name: str) -> Any:
    """How the text is cut before merging; the names are llama.cpp's (`llama-vocab.cpp`)."""
    from tokenizers import Regex, pre_tokenizers

    def split(pattern: str) -> Any:
        return pre_tokenizers.Split(Regex(pattern), "isolated")

    by_regex = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    known = {
        "default": [by_regex],
        "gpt-2": [by_regex],
        "smollm": [split(_DIGITS_SPLIT), by_regex],
        "llama-bpe": [split(_LLAMA3_SPLIT), plain],
        "qwen2": [split(_QWEN2_SPLIT), plain],
    }
    if name not in known:
        raise ModelError(
            f"pre-tokenizer {name!r} is not supported in GGUF (known: {', '.join(known)})",
            file=path,
            fix="give the model as a Hugging Face folder, or serve it and use the openai provider",
        )
    return pre_tokenizers.Sequence(known[name])


def _template(path: Path, template: str | None) -> str:
    if not template:
        raise ModelError("the model has no chat template", file=path, fix="use an instruction-tuned model")
    return template
