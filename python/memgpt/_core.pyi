"""
The C++ kernel of memgpt. Use the package memgpt instead.
"""
from __future__ import annotations
import collections.abc
import memgpt._explain
import typing
__all__: list[str] = ['AgentOptions', 'AgentRow', 'ArchivalHit', 'ArchivalQuery', 'Binding', 'Block', 'BpeCounter', 'Budget', 'Cancellation', 'Context', 'CoreAgent', 'CoreArchivalStore', 'CoreArchive', 'CoreBlockRecord', 'CoreBranch', 'CoreCounter', 'CoreEmbedder', 'CoreHome', 'CorePolicy', 'CorePurge', 'CoreRecompilation', 'CoreResponse', 'CoreServer', 'CoreTool', 'CoreTurn', 'DecodedReply', 'Divergence', 'Fit', 'Head', 'HistoryItem', 'IncrementalCount', 'Int32Array', 'Int64Array', 'LocalAnswer', 'Message', 'ModelOptions', 'Moved', 'OfflineEmbedder', 'Passage', 'PolicyWindow', 'Provider', 'Purged', 'PythonArchivalStore', 'PythonCounter', 'PythonEmbedder', 'PythonPolicy', 'PythonProvider', 'PythonTool', 'RankingOptions', 'RecallHit', 'RecompiledStep', 'Repair', 'Replay', 'ReplyDecoder', 'ServerLimits', 'ServerOptions', 'Span', 'Step', 'StepFigures', 'Summary', 'Tag', 'ToolCall', 'ToolRun', 'TranscriptItem', 'append_text', 'application_id', 'builtin_policy', 'check_fit', 'check_limit', 'embedder_for', 'importance', 'insert_text', 'make_embedder', 'make_provider', 'newest_schema', 'provider_for', 'read_chat_completion', 'replace_text', 'service_names', 'service_variables', 'time_fit']
class ToolCall:
    """
    A call of a tool, as the model wrote it.
    """
    def __init__(self, name: str, arguments: str = '{}', id: str = '') -> None:
        ...
    def __repr__(self) -> str:
        ...
    @property
    def arguments(self) -> str:
        """
        JSON text.
        """
    @property
    def id(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
class Message:
    """
    One entry of an agent's log; immutable.
    """
    def __repr__(self) -> str:
        ...
    def _repr_html_(self) -> str:
        ...
    @property
    def author(self) -> str:
        ...
    @property
    def content(self) -> str:
        """
        What the model wrote outside of tool calls.
        """
    @property
    def failed(self) -> bool:
        """
        A tool return: the call failed.
        """
    @property
    def id(self) -> str:
        ...
    @property
    def name(self) -> str:
        """
        The speaker, or the tool of a tool return.
        """
    @property
    def position(self) -> int:
        """
        Place in the agent's log, from 0.
        """
    @property
    def role(self) -> str:
        ...
    @property
    def session(self) -> int:
        """
        Number of the session, from 1.
        """
    @property
    def source_id(self) -> str:
        """
        Of an imported message: the id that its transcript gave it.
        """
    @property
    def text(self) -> str:
        """
        What was said, or the tool's result.
        """
    @property
    def thinking(self) -> str:
        ...
    @property
    def time(self) -> typing.Any:
        ...
    @property
    def tokens(self) -> int:
        ...
    @property
    def tool_call_id(self) -> str:
        ...
    @property
    def tool_calls(self) -> list[ToolCall]:
        ...
    @property
    def trust(self) -> int:
        ...
    @property
    def type(self) -> str:
        ...
class Budget:
    """
    The window in tokens, and what is kept for the reply.
    """
    def __repr__(self) -> str:
        ...
    @property
    def context_window(self) -> int:
        ...
    @property
    def correction(self) -> int:
        """
        In thousandths: how many of the provider's tokens one of ours has been; 1000 = nothing to correct.
        """
    @property
    def limit(self) -> int:
        """
        What the context may take, in tokens as they are counted here: the window less the reply reserve, divided by the correction. Where only messages are left that are never evicted, a correction is not insisted on; the window is.
        """
    @property
    def reply_reserve(self) -> int:
        ...
class Span:
    """
    A piece of the context and where it came from.
    """
    def __repr__(self) -> str:
        ...
    @property
    def author(self) -> str:
        """
        Whose words these are: "user", "agent", "kernel", "tool:..."; of a summary the model, or "digest".
        """
    @property
    def cut(self) -> str:
        ...
    @property
    def kind(self) -> str:
        ...
    @property
    def origin(self) -> str:
        ...
    @property
    def text(self) -> str:
        ...
    @property
    def time(self) -> typing.Any:
        """
        When it was written; None where that is not known.
        """
    @property
    def tokens(self) -> int:
        ...
    @property
    def version(self) -> int | None:
        """
        Of a memory block: the commit that wrote it; else None.
        """
class Context:
    """
    What the model sees at its next call: print it to look at it.
    """
    def __repr__(self) -> str:
        ...
    def __str__(self) -> str:
        ...
    def _repr_html_(self) -> str:
        ...
    def diff(self, other: typing.Any) -> memgpt._explain.ContextDiff:
        """
        What is otherwise in the other context, or its explanation: rows added, removed, changed.
        """
    def digest(self) -> str:
        ...
    def explain(self) -> memgpt._explain.Explanation:
        """
        A table of what the context is made of: print it, or use .rows, .to_json() and .to_pandas().
        """
    def to_request(self, model: str = '') -> typing.Any:
        """
        The request as a dict, in OpenAI's chat-completions form.
        """
    @property
    def budget(self) -> Budget:
        ...
    @property
    def exact(self) -> bool:
        ...
    @property
    def overhead_tokens(self) -> int:
        ...
    @property
    def previous_spans(self) -> int:
        """
        How many of the leading spans the request before it had, byte for byte; -1 where that is not known. For the next context that is the last request; for one of step=..., the request before that step.
        """
    @property
    def spans(self) -> list[Span]:
        ...
    @property
    def text_tokens(self) -> int:
        ...
    @property
    def tokenizer(self) -> str:
        ...
    @property
    def tokens(self) -> int:
        """
        Tokens of the text, counted (see .exact), plus the wire format's estimate.
        """
class Block:
    """
    A version of a memory block.
    """
    def __init__(self, label: str, value: str, limit: typing.SupportsInt | typing.SupportsIndex = 2000, description: str = '', read_only: bool = False) -> None:
        ...
    @property
    def author(self) -> str:
        ...
    @property
    def description(self) -> str:
        ...
    @property
    def id(self) -> str:
        ...
    @property
    def label(self) -> str:
        ...
    @property
    def limit(self) -> int:
        ...
    @property
    def read_only(self) -> bool:
        ...
    @property
    def time_us(self) -> int:
        ...
    @property
    def value(self) -> str:
        ...
    @property
    def version(self) -> int:
        """
        The commit that wrote it.
        """
class CoreCounter:
    @property
    def exact(self) -> bool:
        ...
    @property
    def name(self) -> str:
        ...
class BpeCounter(CoreCounter):
    def __init__(self, encoding: str) -> None:
        ...
    def __reduce__(self) -> tuple:
        ...
    def count(self, text: typing.Any) -> int:
        ...
    def count_many(self, texts: typing.Any) -> list[int]:
        ...
    def count_parts(self, parts: typing.Any) -> list[int]:
        ...
    def decode(self, tokens: typing.Any) -> str:
        ...
    def encode(self, text: typing.Any, special: bool = False) -> list:
        ...
    def splits_between(self, left: str, right: str) -> bool:
        ...
class IncrementalCount:
    def __init__(self, counter: BpeCounter) -> None:
        ...
    def append(self, text: typing.Any) -> int:
        ...
    @property
    def tokens(self) -> int:
        ...
class PythonCounter(CoreCounter):
    def __init__(self, name: str, exact: bool, count: typing.Any) -> None:
        ...
class Int32Array:
    pass
class Int64Array:
    pass
class PolicyWindow:
    """
    The messages of a window as integers, oldest first: what a memory policy sees.
    
    Arrays are read-only memoryviews, one entry a message, without copies.
    """
    def __init__(self, tokens: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], *, roles: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None, ages: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None, pins: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None, scores: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None, groups: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None, positions: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None, fixed_tokens: typing.SupportsInt | typing.SupportsIndex = 0, limit_tokens: typing.SupportsInt | typing.SupportsIndex, warned: bool = False, forced: bool = False, newest_user: typing.SupportsInt | typing.SupportsIndex = -1, newest_input: typing.SupportsInt | typing.SupportsIndex = -1) -> None:
        ...
    def __len__(self) -> int:
        ...
    def __repr__(self) -> str:
        ...
    @property
    def ages(self) -> memoryview:
        """
        int64: microseconds before the newest message.
        """
    @property
    def fixed_tokens(self) -> int:
        """
        Taken by system prompt, tools, memory blocks and summary.
        """
    @property
    def forced(self) -> bool:
        """
        The provider said that the window is full: something has to go.
        """
    @property
    def groups(self) -> memoryview:
        """
        int32: equal for a call and its returns, which stay or go together.
        """
    @property
    def limit_tokens(self) -> int:
        """
        What all may take: the window less the reply reserve.
        """
    @property
    def newest_input(self) -> int:
        """
        Index of the input of this turn, which is always kept; -1 = none.
        """
    @property
    def newest_user(self) -> int:
        """
        Index of the newest user message, which is always kept; -1 = none.
        """
    @property
    def pins(self) -> memoryview:
        """
        int32: 1 = pinned.
        """
    @property
    def positions(self) -> memoryview:
        """
        int64: places in the agent's log.
        """
    @property
    def roles(self) -> memoryview:
        """
        int32: 0 user, 1 assistant, 2 tool, 3 system.
        """
    @property
    def scores(self) -> memoryview:
        """
        int32: see memgpt.importance().
        """
    @property
    def step(self) -> int:
        """
        Number of the commit that is decided about.
        """
    @property
    def tokens(self) -> memoryview:
        """
        int32: what the message takes, wire format included.
        """
    @property
    def total(self) -> int:
        """
        fixed_tokens and all messages.
        """
    @property
    def warned(self) -> bool:
        """
        The agent was warned since the last eviction.
        """
class Fit:
    """
    What a memory policy decides.
    
    Args:
        keep: (begin, end) ranges of indices, in order; end is not kept.
        warn: tell the agent that the window is nearly full.
        summarize: False: what goes is in recall memory, and in no summary.
        summary_prompt: what the summariser is asked for; None = the stock prompt.
    """
    def __init__(self, keep: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], warn: bool = False, summarize: bool = True, summary_prompt: str | None = None) -> None:
        ...
    def __repr__(self) -> str:
        ...
    @property
    def keep(self) -> list[tuple[int, int]]:
        ...
    @property
    def summarize(self) -> bool:
        ...
    @property
    def summary_prompt(self) -> str:
        ...
    @property
    def warn(self) -> bool:
        ...
class CorePolicy:
    def evicts_above(self, limit_tokens: typing.SupportsInt | typing.SupportsIndex) -> int:
        ...
    def fit(self, window: PolicyWindow) -> Fit:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def parameters(self) -> str:
        ...
class PythonPolicy(CorePolicy):
    def __init__(self, name: str, parameters: str, fit: typing.Any, evicts_above: typing.Any | None) -> None:
        ...
    @property
    def callable(self) -> typing.Any:
        ...
class Provider:
    def complete(self, context: Context, on_delta: typing.Any | None, reasoning: str) -> tuple[str, str, list[tuple[str, str, str]], int, int, str]:
        ...
    def context_window(self) -> int:
        """
        Asks the model's server where it can say.
        """
    def summarize(self, text: str, limit_tokens: typing.SupportsInt | typing.SupportsIndex) -> str | None:
        ...
    @property
    def missing_key(self) -> str:
        ...
    @property
    def model(self) -> str:
        ...
    @property
    def tokenizer(self) -> str:
        ...
class ModelOptions:
    api_key: str | None
    api_version: str
    base_url: str | None
    extra_body: str
    model: str
    service: str
    tokenizer: str | None
    def __init__(self) -> None:
        ...
    @property
    def context_window(self) -> int:
        ...
    @context_window.setter
    def context_window(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def counter(self) -> None:
        ...
    @counter.setter
    def counter(self, arg1: CoreCounter | None) -> None:
        ...
    @property
    def max_retries(self) -> int:
        ...
    @max_retries.setter
    def max_retries(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def max_string(self) -> int:
        ...
    @max_string.setter
    def max_string(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def read_timeout_s(self) -> float:
        ...
    @read_timeout_s.setter
    def read_timeout_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def structure(self) -> None:
        ...
    @structure.setter
    def structure(self, arg1: str) -> None:
        ...
    @property
    def timeout_s(self) -> float:
        ...
    @timeout_s.setter
    def timeout_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class PythonProvider(Provider):
    def __init__(self, model: str, context_window: typing.SupportsInt | typing.SupportsIndex, counter: CoreCounter | None, complete: typing.Any, summarize: typing.Any, summarizes_by_completion: bool) -> None:
        ...
class CoreEmbedder:
    def embed(self, texts: collections.abc.Sequence[str]) -> list[float]:
        ...
    def embed_query(self, text: str, idf: collections.abc.Callable[[str], typing.SupportsFloat | typing.SupportsIndex]) -> list[float]:
        ...
    @property
    def dimension(self) -> int:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def weight(self) -> float:
        ...
class OfflineEmbedder(CoreEmbedder):
    def __init__(self) -> None:
        ...
class PythonEmbedder(CoreEmbedder):
    def __init__(self, name: str, dimension: typing.SupportsInt | typing.SupportsIndex, weight: typing.SupportsFloat | typing.SupportsIndex, embed: typing.Any) -> None:
        ...
class _HttpProbe:
    def __init__(self, arg0: str, **kwargs) -> None:
        ...
    def get(self, path: str, headers: collections.abc.Sequence[tuple[str, str]] = []) -> tuple[int, int, list[tuple[str, str]], bytes]:
        ...
    def post(self, path: str, body: str, headers: collections.abc.Sequence[tuple[str, str]] = []) -> tuple[int, int, list[tuple[str, str]], bytes]:
        ...
    def stream(self, path: str, body: str, on_bytes: collections.abc.Callable[[bytes], bool], headers: collections.abc.Sequence[tuple[str, str]] = []) -> tuple[int, int, list[tuple[str, str]], bytes]:
        ...
class CoreArchivalStore:
    @property
    def name(self) -> str:
        ...
class PythonArchivalStore(CoreArchivalStore):
    def __init__(self, name: str, store: typing.Any) -> None:
        ...
class Repair:
    """
    What the decoder did to a model's answer.
    """
    def __repr__(self) -> str:
        ...
    @property
    def kind(self) -> str:
        """
        One of those that Step.repairs lists.
        """
    @property
    def text(self) -> str:
        """
        Where or what, in a few words; no values.
        """
class DecodedReply:
    @property
    def arguments(self) -> typing.Any:
        ...
    @property
    def content(self) -> str:
        ...
    @property
    def problem(self) -> str:
        ...
    @property
    def repairs(self) -> list[Repair]:
        ...
    @property
    def request_heartbeat(self) -> bool:
        ...
    @property
    def thinking(self) -> str:
        ...
    @property
    def tool(self) -> str | None:
        ...
    @property
    def tool_calls(self) -> list[tuple[str, str, str]]:
        ...
class ReplyDecoder:
    def __init__(self, tools: collections.abc.Sequence[tuple[str, str]]) -> None:
        ...
    def decode(self, content: str, thinking: str, calls: collections.abc.Sequence[tuple[str, str, str]], finish_reason: str) -> DecodedReply:
        ...
class RankingOptions:
    classes: bool
    irregular: bool
    own_side: bool
    session: bool
    speaker_text: bool
    stem: bool
    stop: bool
    def __init__(self) -> None:
        ...
    @property
    def assistant(self) -> float:
        ...
    @assistant.setter
    def assistant(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def b(self) -> float:
        ...
    @b.setter
    def b(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def date(self) -> float:
        ...
    @date.setter
    def date(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def dense(self) -> float | None:
        ...
    @dense.setter
    def dense(self, arg0: typing.SupportsFloat | typing.SupportsIndex | None) -> None:
        ...
    @property
    def frame(self) -> float:
        ...
    @frame.setter
    def frame(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def k1(self) -> float:
        ...
    @k1.setter
    def k1(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def name_cue(self) -> float:
        ...
    @name_cue.setter
    def name_cue(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def phrase(self) -> float:
        ...
    @phrase.setter
    def phrase(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def power(self) -> float:
        ...
    @power.setter
    def power(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def question(self) -> float:
        ...
    @question.setter
    def question(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def related(self) -> float:
        ...
    @related.setter
    def related(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def reply(self) -> float | None:
        ...
    @reply.setter
    def reply(self, arg0: typing.SupportsFloat | typing.SupportsIndex | None) -> None:
        ...
    @property
    def session_prior(self) -> float:
        ...
    @session_prior.setter
    def session_prior(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def speaker(self) -> float:
        ...
    @speaker.setter
    def speaker(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def spelling(self) -> float:
        ...
    @spelling.setter
    def spelling(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def spread_max_df(self) -> float:
        ...
    @spread_max_df.setter
    def spread_max_df(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def when(self) -> float:
        ...
    @when.setter
    def when(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def window(self) -> list[float]:
        ...
    @window.setter
    def window(self, arg0: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> None:
        ...
class CoreResponse:
    @property
    def completion_tokens(self) -> int:
        ...
    @property
    def evicted(self) -> int:
        ...
    @property
    def messages(self) -> list[Message]:
        ...
    @property
    def prompt_tokens(self) -> int:
        ...
    @property
    def spoken(self) -> list[str]:
        ...
    @property
    def steps(self) -> int:
        ...
    @property
    def stop_reason(self) -> str:
        ...
class Passage:
    """
    One entry of archival memory.
    """
    def __repr__(self) -> str:
        ...
    def _repr_html_(self) -> str:
        ...
    @property
    def author(self) -> str:
        ...
    @property
    def id(self) -> str:
        ...
    @property
    def metadata(self) -> typing.Any:
        ...
    @property
    def tags(self) -> list[str]:
        ...
    @property
    def text(self) -> str:
        ...
    @property
    def time(self) -> typing.Any:
        ...
    @property
    def time_us(self) -> int:
        ...
class RecallHit:
    """
    A message that recall search found.
    """
    def __repr__(self) -> str:
        ...
    def _repr_html_(self) -> str:
        ...
    @property
    def after(self) -> list[Message]:
        ...
    @property
    def before(self) -> list[Message]:
        """
        Neighbours, if they were asked for.
        """
    @property
    def factors(self) -> dict[str, float]:
        """
        What the sum is multiplied by, see memgpt.Ranking.
        """
    @property
    def marks(self) -> list[tuple[int, int]]:
        """
        Where the query's words are in the snippet: (begin, end), in characters.
        """
    @property
    def message(self) -> Message:
        ...
    @property
    def score(self) -> float:
        ...
    @property
    def snippet(self) -> str:
        """
        About 200 bytes of the text, where it has most of the query's words.
        """
    @property
    def terms(self) -> dict[str, float]:
        """
        What each word of the query adds; the score is their sum times the factors.
        """
class ArchivalHit:
    """
    A passage that archival search found.
    """
    def __repr__(self) -> str:
        ...
    def _repr_html_(self) -> str:
        ...
    @property
    def archive(self) -> str | None:
        """
        The name of the shared archive that holds it; None: the agent's own. passage.author tells who filed it there: an agent's name, or "user".
        """
    @property
    def factors(self) -> dict[str, float]:
        """
        What the sum is multiplied by, see memgpt.Ranking.
        """
    @property
    def marks(self) -> list[tuple[int, int]]:
        """
        Where the query's words are in the snippet: (begin, end), in characters.
        """
    @property
    def passage(self) -> Passage:
        ...
    @property
    def score(self) -> float:
        """
        Words and vectors, each as a share of the best hit's, in a weighted mean; without vectors the words' own score; where no word is in any passage, the similarity.
        """
    @property
    def similarity(self) -> float:
        """
        Cosine of the embeddings; 0 where there are none.
        """
    @property
    def snippet(self) -> str:
        """
        About 200 bytes of the text, where it has most of the query's words.
        """
    @property
    def terms(self) -> dict[str, float]:
        """
        What each word of the query adds; their sum times the factors is the words' score.
        """
class Summary:
    """
    What stands for messages that left the window.
    """
    def __repr__(self) -> str:
        ...
    @property
    def author(self) -> str:
        """
        The model; "digest", made without one; or "none".
        """
    @property
    def covered(self) -> int:
        """
        Messages that it stands for, all told.
        """
    @property
    def covers(self) -> list[tuple[int, int]]:
        """
        Ranges (begin, end) of positions that it is the first to cover; it also stands for what the summary before it covered.
        """
    @property
    def failure(self) -> str:
        """
        Why a digest took the place of the model's; empty where nothing failed.
        """
    @property
    def text(self) -> str:
        """
        Empty where the policy wants none.
        """
    @property
    def tokens(self) -> int:
        ...
class HistoryItem:
    def __init__(self, *, role: str, type: str, name: str = '', text: str = '', content: str = '', thinking: str = '', calls: collections.abc.Sequence[tuple[str, str, str]] = [], tool_call_id: str = '', failed: bool = False, id: str = '', time_us: typing.SupportsInt | typing.SupportsIndex | None = None, shown: bool = False) -> None:
        ...
class CorePurge:
    @property
    def compacted(self) -> bool:
        ...
    @property
    def id(self) -> int:
        ...
    @property
    def time_us(self) -> int:
        ...
    @property
    def what(self) -> str:
        ...
class Purged:
    """
    What home.purge() destroyed: how many rows it changed or took away.
    """
    def __repr__(self) -> str:
        ...
    @property
    def agents(self) -> int:
        """
        That had been deleted before.
        """
    @property
    def archives(self) -> int:
        """
        Shared ones, that had been deleted before.
        """
    @property
    def blocks(self) -> int:
        """
        Versions of memory blocks.
        """
    @property
    def commits(self) -> int:
        ...
    @property
    def configurations(self) -> int:
        ...
    @property
    def id(self) -> int:
        """
        Of the purge; 0 where there was nothing to destroy.
        """
    @property
    def messages(self) -> int:
        ...
    @property
    def names(self) -> int:
        """
        Names (of agents, tags, memory blocks, tools, models) and settings that have the text in them. They stay.
        """
    @property
    def passages(self) -> int:
        ...
    @property
    def replies(self) -> int:
        """
        Of models, as they came, with the decisions of policies.
        """
    @property
    def summaries(self) -> int:
        ...
    @property
    def text(self) -> str:
        """
        What was destroyed, in words; empty where nothing was.
        """
    @property
    def tool_runs(self) -> int:
        ...
    @property
    def vectors_lost(self) -> int:
        """
        Passages that were changed and whose embedder is not bound, or failed: they are listed, and no search by a text finds them.
        """
class Step:
    """
    One commit of an agent's history.
    """
    def __repr__(self) -> str:
        ...
    @property
    def author(self) -> str:
        ...
    @property
    def completion_tokens(self) -> int:
        ...
    @property
    def config(self) -> int:
        ...
    @property
    def context_tokens(self) -> int:
        ...
    @property
    def correction(self) -> int:
        """
        Of our counts, in thousandths, by what the provider had reported before.
        """
    @property
    def decision(self) -> str:
        ...
    @property
    def digest(self) -> str:
        ...
    @property
    def kind(self) -> str:
        ...
    @property
    def model(self) -> str:
        ...
    @property
    def overhead_tokens(self) -> int:
        ...
    @property
    def passages(self) -> int:
        """
        That the agent sees after it, in archival memory. -1: not recorded.
        """
    @property
    def prefix_broken(self) -> str:
        """
        The origin of the last request's first span that this one does not have in its place; "model" or "tokenizer" where another one is asked; empty where all of the last request is there.
        """
    @property
    def prefix_share(self) -> float | None:
        """
        prefix_tokens of context_tokens, 0 to 1; None where it is not recorded.
        """
    @property
    def prefix_tokens(self) -> int:
        """
        Text tokens of what the request begins with that the agent's last request began with, byte for byte: what a provider may have in its cache. -1: not recorded, as at the first call.
        """
    @property
    def prompt_tokens(self) -> int:
        ...
    @property
    def purged(self) -> int:
        """
        The last purge that changed what it wrote, a number of home.purges(); 0: none.
        """
    @property
    def repairs(self) -> list[Repair]:
        """
        What the decoder did to the model's answer: a list of Repair (.kind and .text), empty
        where it was as it should be. Values are never guessed. The kinds:
        
        - surrounding_text: text around the JSON was left out
        - code_fence: ``` around the JSON was left out
        - quotes: single or curly quotation marks in place of double ones
        - unquoted_key: a name without quotation marks
        - python_literal: True, False or None
        - raw_control: a raw newline or tab in a string
        - escape: \\' or \\x41, which JSON does not have
        - comment: a comment was left out
        - trailing_comma: a comma before a closing brace or bracket
        - missing_comma: a comma between two values was put in
        - missing_close: a closing brace or bracket was put in
        - nested_string: JSON was written as a string
        - tool_name: a tool's name in another form
        - argument_name: an argument's name in another form
        - argument_type: a number in quotation marks, or a text without
        - wrapped_arguments: the arguments stood in one more object
        - misplaced_argument: an argument stood beside the arguments
        - extra_call: of several calls, or of one that was written twice, the first was run
        - call_in_text: the call was written in the text
        - plain_text: an answer without a call became send_message
        - thoughts: private reasoning was moved to where it belongs
        - unsendable: a call's name or id that servers refuse in a history was replaced
        - special_token: marks of the model's chat template were left out
        """
    @property
    def reply(self) -> str:
        """
        The model's answer as it came, as JSON. Where the decoder changed it, also what it made of it (decoded) and how (repairs).
        """
    @property
    def seq(self) -> int:
        ...
    @property
    def time_us(self) -> int:
        ...
    @property
    def tokenizer(self) -> str:
        ...
    @property
    def unbound_tools(self) -> list[str]:
        ...
class Divergence:
    """
    Where the journal does not give what it recorded.
    """
    def __repr__(self) -> str:
        ...
    def __str__(self) -> str:
        ...
    @property
    def diff(self) -> str:
        """
        What was recorded and what there is, as text.
        """
    @property
    def kind(self) -> str:
        """
        Of the commit: step, input, edit, ...
        """
    @property
    def seq(self) -> int:
        """
        Number of the commit.
        """
    @property
    def what(self) -> str:
        """
        What differs: context, tokens, correction, prefix, window, reply, messages, step, config, blocks, passages, retired (passages that were deleted or updated), summary, tool_runs or unreadable.
        """
class Replay:
    """
    What agent.replay() found.
    """
    def __repr__(self) -> str:
        ...
    def _repr_html_(self) -> str:
        ...
    @property
    def commits(self) -> int:
        """
        Commits that were read, up to the divergence if there is one.
        """
    @property
    def first_divergence(self) -> Divergence | None:
        """
        None if there is none.
        """
    @property
    def steps(self) -> int:
        """
        Model calls whose context was made again and compared.
        """
    @property
    def unchecked(self) -> list[str]:
        """
        What could not be compared, and why; one line each.
        """
class StepFigures:
    """
    Figures of a context as it was sent, or as it would have been.
    """
    def __repr__(self) -> str:
        ...
    @property
    def evicted(self) -> int:
        """
        Messages that left the window before this call.
        """
    @property
    def limit(self) -> int:
        """
        What it might take.
        """
    @property
    def prefix_broken(self) -> str:
        """
        As in Step.
        """
    @property
    def prefix_share(self) -> float | None:
        """
        As in Step.
        """
    @property
    def prefix_tokens(self) -> int:
        """
        As in Step.
        """
    @property
    def text_tokens(self) -> int:
        """
        Without the wire format's estimate.
        """
    @property
    def tokens(self) -> int:
        """
        Of the whole context.
        """
    @property
    def warned(self) -> bool:
        """
        The agent was warned of memory pressure.
        """
class RecompiledStep:
    """
    A model call, as it was and as it would have been.
    """
    def __repr__(self) -> str:
        ...
    @property
    def added(self) -> int:
        """
        Spans that only the recompiled context shows, or shows so.
        """
    @property
    def digest(self) -> bool:
        """
        A mechanical digest stands in the recompiled context.
        """
    @property
    def kept(self) -> int:
        """
        Spans that both contexts show alike.
        """
    @property
    def lost(self) -> int:
        """
        Spans that only the recorded context shows, or shows so.
        """
    @property
    def lost_messages(self) -> list[tuple[int, int]]:
        """
        (begin, end) positions of the messages that only the recorded context shows.
        """
    @property
    def recompiled(self) -> StepFigures:
        ...
    @property
    def recorded(self) -> StepFigures:
        ...
    @property
    def seq(self) -> int:
        """
        Number of the commit.
        """
class CoreRecompilation:
    @property
    def steps(self) -> list[RecompiledStep]:
        ...
    @property
    def stopped(self) -> str:
        ...
    @property
    def stopped_at(self) -> int:
        ...
    @property
    def unchecked(self) -> list[str]:
        ...
class Head:
    """
    A place in a line of history: a commit and the branch it is on.
    """
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    def __repr__(self) -> str:
        ...
    @property
    def branch(self) -> int:
        ...
    @property
    def seq(self) -> int:
        """
        Number of the commit.
        """
class ToolRun:
    """
    A call of a tool with outside effects.
    """
    def __repr__(self) -> str:
        ...
    @property
    def arguments(self) -> str:
        """
        JSON text.
        """
    @property
    def call_id(self) -> str:
        ...
    @property
    def time_us(self) -> int:
        ...
    @property
    def tool(self) -> str:
        ...
class Moved:
    """
    A head that was moved along its history, or to a tag.
    """
    def __repr__(self) -> str:
        ...
    @property
    def archives(self) -> list[str]:
        """
        Names of shared archives that the agent had written into: they stay as they are.
        """
    @property
    def from_head(self) -> Head:
        ...
    @property
    def messages(self) -> int:
        """
        Messages that are no longer seen; negative: that are seen again.
        """
    @property
    def outside(self) -> list[ToolRun]:
        """
        Calls that were undone and whose effects outside of the agent were not.
        """
    @property
    def shared(self) -> list[str]:
        """
        Labels of shared blocks that the agent had edited: they stay as they are.
        """
    @property
    def to_head(self) -> Head:
        ...
class Tag:
    """
    A name for a place in an agent's history.
    """
    def __repr__(self) -> str:
        ...
    @property
    def head(self) -> Head:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def time_us(self) -> int:
        ...
class CoreBlockRecord:
    @property
    def agent(self) -> str:
        ...
    @property
    def block(self) -> Block:
        ...
class CoreBranch:
    @property
    def agent_id(self) -> str:
        ...
    @property
    def changed_us(self) -> int:
        ...
    @property
    def created_us(self) -> int:
        ...
    @property
    def id(self) -> int:
        ...
    @property
    def last_seq(self) -> int:
        ...
    @property
    def parent(self) -> Head:
        ...
class CoreTool:
    @property
    def name(self) -> str:
        ...
class PythonTool(CoreTool):
    def __init__(self, name: str, description: str, parameters: str, outside: bool, idempotent: bool, memory: bool, fingerprint: str, callable: typing.Any) -> None:
        ...
    def with_callable(self, callable: typing.Any) -> PythonTool:
        """
        The same tool, with something else to call.
        """
    @property
    def callable(self) -> typing.Any:
        ...
class AgentOptions:
    archival_store: CoreArchivalStore
    base_tools: bool
    memory_class: str
    provider: Provider
    reasoning: str
    summarizer: Provider
    system_prompt: str
    timezone: str
    def __init__(self) -> None:
        ...
    @property
    def blocks(self) -> list[Block]:
        ...
    @blocks.setter
    def blocks(self, arg0: collections.abc.Sequence[Block]) -> None:
        ...
    @property
    def context_window(self) -> int:
        ...
    @context_window.setter
    def context_window(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def embedder(self) -> CoreEmbedder:
        ...
    @embedder.setter
    def embedder(self, arg1: CoreEmbedder | None) -> None:
        ...
    @property
    def max_steps(self) -> int:
        ...
    @max_steps.setter
    def max_steps(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def policy(self) -> None:
        ...
    @policy.setter
    def policy(self, arg1: CorePolicy) -> None:
        ...
    @property
    def tools(self) -> list[CoreTool]:
        ...
    @tools.setter
    def tools(self, arg0: collections.abc.Sequence[CoreTool]) -> None:
        ...
class Binding:
    archival_store: CoreArchivalStore
    memory_class: str
    own_index: bool
    provider: Provider
    reasoning: str
    summarizer: Provider
    timezone: str
    def __init__(self) -> None:
        ...
    @property
    def context_window(self) -> int:
        ...
    @context_window.setter
    def context_window(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def embedder(self) -> CoreEmbedder:
        ...
    @embedder.setter
    def embedder(self, arg1: CoreEmbedder | None) -> None:
        ...
    @property
    def policy(self) -> None:
        ...
    @policy.setter
    def policy(self, arg1: CorePolicy) -> None:
        ...
    @property
    def tools(self) -> list[CoreTool]:
        ...
    @tools.setter
    def tools(self, arg0: collections.abc.Sequence[CoreTool]) -> None:
        ...
class TranscriptItem:
    def __init__(self, text: str, speaker: str, role: str, time_us: typing.SupportsInt | typing.SupportsIndex | None, session: str | None, id: str) -> None:
        ...
    @property
    def speaker(self) -> str:
        ...
    @property
    def text(self) -> str:
        ...
    @property
    def time_us(self) -> int | None:
        ...
class ArchivalQuery:
    def __init__(self, limit: typing.SupportsInt | typing.SupportsIndex, offset: typing.SupportsInt | typing.SupportsIndex, tags: collections.abc.Sequence[str], all_tags: bool, metadata: collections.abc.Sequence[tuple[str, str]], start: typing.SupportsInt | typing.SupportsIndex | None, end: typing.SupportsInt | typing.SupportsIndex | None, ranking: RankingOptions, vector: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], archive: str | None) -> None:
        ...
class CoreArchive:
    def agents(self) -> list[tuple[str, bool]]:
        ...
    def bind(self, embedder: CoreEmbedder) -> None:
        ...
    def created_us(self) -> int:
        ...
    def date_span(self, text: str) -> tuple[int, int, bool]:
        """
        As of an agent, in UTC.
        """
    def delete_passage(self, id: str) -> None:
        ...
    def describe(self, description: str) -> None:
        ...
    def description(self) -> str:
        ...
    def embedding(self) -> str:
        ...
    def insert_passage(self, item: tuple[str, collections.abc.Sequence[str], str, typing.SupportsInt | typing.SupportsIndex | None]) -> Passage:
        ...
    def insert_passages(self, items: collections.abc.Sequence[tuple[str, collections.abc.Sequence[str], str, typing.SupportsInt | typing.SupportsIndex | None]], progress: collections.abc.Callable[[int, int], None]) -> list[Passage]:
        ...
    def name(self) -> str:
        ...
    def passage(self, id: str) -> Passage:
        ...
    def rename(self, name: str) -> None:
        ...
    def search_archival(self, text: str, query: ArchivalQuery) -> tuple[list[ArchivalHit], int]:
        ...
    def size(self) -> int:
        ...
    def update_passage(self, id: str, text: str | None, tags: collections.abc.Sequence[str] | None, metadata: str | None) -> Passage:
        ...
    @property
    def id(self) -> str:
        ...
    @property
    def path(self) -> str:
        ...
class Cancellation:
    def __init__(self) -> None:
        ...
    def cancel(self) -> None:
        ...
    @property
    def cancelled(self) -> bool:
        ...
class CoreTurn:
    def advance(self, cancellation: Cancellation) -> tuple[int, float] | None:
        ...
    def response(self) -> CoreResponse:
        ...
class CoreAgent:
    def add_tool(self, tool: CoreTool) -> None:
        ...
    def at(self, place: Head) -> CoreAgent:
        ...
    def attach_archive(self, archive_id: str, read_only: bool) -> None:
        ...
    def attach_block(self, block_id: str) -> None:
        ...
    def attached_archives(self) -> list[tuple[CoreArchive, bool]]:
        """
        With each, whether it is to be read only.
        """
    def begin_send(self, text: str, role: str, type: str, name: str, time_us: typing.SupportsInt | typing.SupportsIndex | None, on_event: typing.Any | None) -> CoreTurn:
        ...
    def bind(self, binding: Binding) -> None:
        ...
    def block_history(self, label: str) -> list[CoreBlockRecord]:
        ...
    def blocks(self) -> list[Block]:
        ...
    def bound_tools(self) -> list[CoreTool]:
        ...
    def branches(self) -> list[CoreBranch]:
        ...
    def catch_up_store(self) -> bool:
        ...
    def config(self) -> str:
        ...
    def context(self) -> Context:
        ...
    def counts(self) -> tuple[int, int]:
        ...
    def create_block(self, block: Block) -> None:
        ...
    def date_span(self, text: str) -> tuple[int, int, bool]:
        """
        What a text names: begin and end in microseconds of UTC, and whether it names a time of day.
        """
    def delete_passage(self, id: str) -> None:
        ...
    def delete_tag(self, name: str) -> None:
        ...
    def describe(self, description: str, tags: collections.abc.Sequence[str], metadata: str, settings: str) -> None:
        ...
    def detach_archive(self, archive_id: str) -> None:
        ...
    def detach_block(self, label: str) -> None:
        ...
    def eviction_line(self) -> int:
        ...
    def export_to(self, path: str, overwrite: bool, sources: collections.abc.Sequence[tuple[str, str]] | None) -> None:
        ...
    def find_tag(self, name: str) -> Tag:
        ...
    def finish_reembedding(self, embedder: CoreEmbedder) -> bool:
        ...
    def fits(self, text: str) -> bool:
        ...
    def fork(self, name: str, place: Head | None, tools: collections.abc.Sequence[CoreTool]) -> CoreAgent:
        ...
    def head(self) -> Head:
        ...
    def head_at(self, branch: typing.SupportsInt | typing.SupportsIndex, seq: typing.SupportsInt | typing.SupportsIndex) -> Head:
        ...
    def import_history(self, items: collections.abc.Sequence[HistoryItem]) -> int:
        ...
    def import_transcript(self, items: collections.abc.Sequence[TranscriptItem]) -> list[Message]:
        ...
    def insert_passage(self, item: tuple[str, collections.abc.Sequence[str], str, typing.SupportsInt | typing.SupportsIndex | None], archive: str) -> Passage:
        ...
    def insert_passages(self, items: collections.abc.Sequence[tuple[str, collections.abc.Sequence[str], str, typing.SupportsInt | typing.SupportsIndex | None]], archive: str, progress: collections.abc.Callable[[int, int], None]) -> list[Passage]:
        ...
    def keep_sources(self, sources: collections.abc.Sequence[tuple[str, str]]) -> None:
        ...
    def line(self) -> Head:
        ...
    def load(self, place: Head) -> Moved:
        ...
    def load_tag(self, name: str) -> Moved:
        ...
    def message_cost(self, text: str) -> int:
        ...
    def messages(self, from_position: typing.SupportsInt | typing.SupportsIndex, limit: typing.SupportsInt | typing.SupportsIndex) -> list[Message]:
        ...
    def passage(self, id: str) -> Passage:
        ...
    def past_context(self, seq: typing.SupportsInt | typing.SupportsIndex) -> Context:
        ...
    def pin(self, position: typing.SupportsInt | typing.SupportsIndex, pinned: bool) -> None:
        ...
    def pins(self) -> list[int]:
        ...
    def place(self, seq: typing.SupportsInt | typing.SupportsIndex) -> Head:
        ...
    def policy(self) -> CorePolicy:
        ...
    def recompile(self, policy: CorePolicy | None, context_window: typing.SupportsInt | typing.SupportsIndex) -> CoreRecompilation:
        ...
    def recompiled_context(self, policy: CorePolicy | None, context_window: typing.SupportsInt | typing.SupportsIndex, seq: typing.SupportsInt | typing.SupportsIndex) -> Context:
        ...
    def redo(self, count: typing.SupportsInt | typing.SupportsIndex, unit: str) -> Moved:
        ...
    def reembed_some(self, embedder: CoreEmbedder, after: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
        ...
    def remove_tool(self, name: str) -> None:
        ...
    def replay(self) -> Replay:
        ...
    def resummarize(self) -> None:
        ...
    def save_tag(self, name: str) -> Tag:
        ...
    def search_archival(self, text: str, query: ArchivalQuery) -> tuple[list[ArchivalHit], int]:
        ...
    def search_recall(self, text: str, start: typing.SupportsInt | typing.SupportsIndex | None, end: typing.SupportsInt | typing.SupportsIndex | None, roles: collections.abc.Sequence[str], limit: typing.SupportsInt | typing.SupportsIndex, offset: typing.SupportsInt | typing.SupportsIndex, neighbours: typing.SupportsInt | typing.SupportsIndex, ranking: RankingOptions) -> tuple[list[RecallHit], int]:
        ...
    def send(self, text: str, role: str, type: str, name: str, time_us: typing.SupportsInt | typing.SupportsIndex | None, cancellation: Cancellation, on_event: typing.Any | None) -> CoreResponse:
        ...
    def set_block(self, label: str, value: str, author: str, expected: str | None = None) -> None:
        ...
    def shared(self) -> dict[str, str]:
        """
        Ids of the blocks that are shared, by label.
        """
    def splits_calls(self) -> bool:
        """
        Whether a turn can leave its thread while its model's server is waited for.
        """
    def steps(self) -> list[Step]:
        ...
    def summaries(self) -> list[Summary]:
        ...
    def summary(self) -> str:
        ...
    def tags(self) -> list[Tag]:
        ...
    def to_reembed(self, embedder: CoreEmbedder) -> int:
        ...
    def tool_sources(self) -> list[tuple[str, str]]:
        ...
    def unbound(self) -> list[str]:
        ...
    def undo(self, count: typing.SupportsInt | typing.SupportsIndex, unit: str) -> Moved:
        ...
    def undo_messages(self, count: typing.SupportsInt | typing.SupportsIndex) -> Moved:
        ...
    def update_passage(self, id: str, text: str | None, tags: collections.abc.Sequence[str] | None, metadata: str | None) -> Passage:
        ...
    def window(self) -> list[Message]:
        ...
    def would_evict(self, tokens: typing.SupportsInt | typing.SupportsIndex) -> list[Message]:
        ...
    @property
    def id(self) -> str:
        ...
    @property
    def key(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def past(self) -> int | None:
        ...
class AgentRow:
    @property
    def created_us(self) -> int:
        ...
    @property
    def id(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
class CoreHome:
    def __init__(self, path: str, durability: str, turn_timeout_s: typing.SupportsFloat | typing.SupportsIndex, exact_search: typing.SupportsInt | typing.SupportsIndex, index_memory: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def agent(self, name: str) -> CoreAgent:
        ...
    def agent_by_id(self, id: str) -> CoreAgent:
        ...
    def agents(self) -> list[AgentRow]:
        ...
    def archive(self, name: str) -> CoreArchive:
        ...
    def archives(self) -> list[CoreArchive]:
        ...
    def check(self, replay: bool) -> list[str]:
        ...
    def close(self) -> None:
        ...
    def create_agent(self, name: str, options: AgentOptions) -> CoreAgent:
        ...
    def create_archive(self, name: str, description: str, embedder: CoreEmbedder | None) -> CoreArchive:
        ...
    def create_block(self, block: Block) -> str:
        ...
    def delete_agent(self, name: str) -> None:
        ...
    def delete_archive(self, name: str) -> None:
        ...
    def import_agent(self, path: str, name: str) -> CoreAgent:
        ...
    def purge(self, text: str | None, deleted: bool, undone: bool) -> Purged:
        ...
    def purges(self) -> list[CorePurge]:
        ...
    def rebuild(self) -> None:
        ...
    def set_shared_block(self, block_id: str, value: str, expected: str | None = None) -> None:
        ...
    def shared_blocks(self) -> list[CoreBlockRecord]:
        ...
    def shared_history(self, block_id: str) -> list[CoreBlockRecord]:
        ...
    def stop_background(self) -> None:
        ...
    def wait_for_background(self) -> None:
        ...
    @property
    def path(self) -> str:
        ...
class ServerLimits:
    def __init__(self) -> None:
        ...
    @property
    def body_bytes(self) -> int:
        ...
    @body_bytes.setter
    def body_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def connections(self) -> int:
        ...
    @connections.setter
    def connections(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def header_bytes(self) -> int:
        ...
    @header_bytes.setter
    def header_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def idle_timeout_s(self) -> float:
        ...
    @idle_timeout_s.setter
    def idle_timeout_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def queued(self) -> int:
        ...
    @queued.setter
    def queued(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def request_timeout_s(self) -> float:
        ...
    @request_timeout_s.setter
    def request_timeout_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def requests(self) -> int:
        ...
    @requests.setter
    def requests(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def stop_timeout_s(self) -> float:
        ...
    @stop_timeout_s.setter
    def stop_timeout_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def turns(self) -> int:
        ...
    @turns.setter
    def turns(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class ServerOptions:
    allow_local_tools: bool
    host: str
    limits: ServerLimits
    token: str
    version: str
    def __init__(self) -> None:
        ...
    def set_carry(self, write: typing.Any, read: typing.Any, fill: typing.Any) -> None:
        ...
    def set_derive(self, callable: typing.Any) -> None:
        ...
    def set_log(self, callable: typing.Any) -> None:
        ...
    def set_run(self, callable: typing.Any) -> None:
        ...
    @property
    def allowed_hosts(self) -> list[str]:
        ...
    @allowed_hosts.setter
    def allowed_hosts(self, arg0: collections.abc.Sequence[str]) -> None:
        ...
    @property
    def embedders(self) -> dict[str, CoreEmbedder]:
        ...
    @embedders.setter
    def embedders(self, arg0: collections.abc.Mapping[str, CoreEmbedder]) -> None:
        ...
    @property
    def models(self) -> dict[str, Provider]:
        ...
    @models.setter
    def models(self, arg0: collections.abc.Mapping[str, Provider]) -> None:
        ...
    @property
    def port(self) -> int:
        ...
    @port.setter
    def port(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class LocalAnswer:
    def close(self) -> None:
        ...
    def head(self) -> tuple[int, list[tuple[str, str]]]:
        ...
    def next(self) -> bytes | None:
        ...
class CoreServer:
    def __init__(self, home: CoreHome, options: ServerOptions) -> None:
        ...
    def handle(self, method: str, target: str, headers: collections.abc.Sequence[tuple[str, str]], body: bytes) -> LocalAnswer:
        ...
    def listen(self) -> None:
        ...
    def stop(self) -> None:
        ...
    @property
    def port(self) -> int:
        ...
    @property
    def url(self) -> str:
        ...
def _begin_exit() -> None:
    ...
def _dates_in_query(text: str, now_local: typing.SupportsInt | typing.SupportsIndex | None) -> tuple[list[tuple[int, int]], int]:
    """
    See cpp/memory/dates.h.
    """
def _kernel_sums(rows: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], query: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> list[tuple[str, list[int]]]:
    ...
def _parse_date(text: str, now_local: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, bool, bool, bool]:
    """
    See cpp/memory/dates.h.
    """
def _parse_date_in(text: str, now_utc: typing.SupportsInt | typing.SupportsIndex, offset_s: collections.abc.Callable[[int], typing.SupportsInt | typing.SupportsIndex]) -> tuple[int, int, bool]:
    """
    See cpp/memory/dates.h.
    """
def _proxy_for(url: str) -> str | None:
    ...
def _wait_before_retry(status: typing.SupportsInt | typing.SupportsIndex, attempt: typing.SupportsInt | typing.SupportsIndex, headers: collections.abc.Sequence[tuple[str, str]] = [], body: str = '', now_s: typing.SupportsInt | typing.SupportsIndex = 0, chance: typing.SupportsFloat | typing.SupportsIndex = 0.0, max_retries: typing.SupportsInt | typing.SupportsIndex = 2) -> float | None:
    ...
def append_text(value: str, content: str) -> str:
    ...
def builtin_policy(name: str, parameters: str) -> CorePolicy:
    ...
def check_fit(window: PolicyWindow, fit: Fit, policy: str) -> None:
    ...
def check_limit(label: str, value: str, limit: typing.SupportsInt | typing.SupportsIndex) -> None:
    ...
def embedder_for(handle: str) -> CoreEmbedder:
    ...
def importance(text: str) -> int:
    ...
def insert_text(value: str, content: str, line: typing.SupportsInt | typing.SupportsIndex) -> str:
    ...
def make_embedder(model: str, service: str, base_url: str | None, api_key: str | None, name: str, dimension: typing.SupportsInt | typing.SupportsIndex, shorten: bool, weight: typing.SupportsFloat | typing.SupportsIndex, batch: typing.SupportsInt | typing.SupportsIndex, timeout_s: typing.SupportsFloat | typing.SupportsIndex, max_retries: typing.SupportsInt | typing.SupportsIndex) -> CoreEmbedder:
    ...
def make_provider(options: ModelOptions) -> Provider:
    ...
def provider_for(handle: str) -> Provider:
    ...
def read_chat_completion(text: str) -> tuple[str, str, list[tuple[str, str, str]], int, int, str]:
    ...
def replace_text(value: str, old_content: str, new_content: str) -> str:
    ...
def service_names() -> str:
    ...
def service_variables(name: str) -> tuple[str, str] | None:
    """
    The variables with a service's address and key; None: no such service.
    """
def time_fit(policy: CorePolicy, window: PolicyWindow, rounds: typing.SupportsInt | typing.SupportsIndex) -> float:
    ...
application_id: int = 1296387399
newest_schema: int = 9
