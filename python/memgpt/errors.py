"""Every error that memgpt raises. The C++ core has the same tree in error.h.

::

    Error
    ├── ConfigError            an argument or option that cannot work (also a ValueError)
    │   ├── WindowTooSmall     system prompt, tools and blocks do not fit the context window
    │   └── MissingKey         a provider needs a key that is not set
    ├── InvalidInput           a message or text that cannot be taken (also a ValueError)
    │   └── MessageTooLarge    larger than the window can ever hold
    ├── NotFound               (also a LookupError)
    │   ├── AgentNotFound
    │   ├── BlockNotFound
    │   ├── ArchiveNotFound
    │   ├── PassageNotFound
    │   ├── ToolNotFound
    │   └── ModelNotFound
    ├── AlreadyExists          the name is taken
    ├── EditFailed             an edit of memory that changes nothing (also a ValueError)
    │   ├── LimitExceeded      the new value is over the block's limit
    │   ├── ReadOnlyBlock
    │   └── ReadOnlyArchive    it is attached to be read only
    ├── StoreError             the database cannot do what was asked
    │   ├── NotADatabase
    │   ├── NewerVersion       written by a newer memgpt
    │   ├── ReadOnlyStore
    │   ├── DiskFull           nothing more can be written until there is space
    │   ├── Conflict           the branch head moved under a step
    │   └── ArchivalStoreError        an ArchivalStore failed
    │       └── ArchivalStoreTimeout  it did not answer in time
    ├── TurnError
    │   ├── Busy               another sender holds the turn for too long
    │   └── Reentrant          this call chain already holds the turn
    ├── PolicyError            a memory policy decided what cannot be done
    │   └── WindowFull         nothing that may go is left, and it does not fit
    ├── ToolError              a tool cannot be registered or called
    ├── ProviderError          a model's provider failed
    │   ├── ProviderUnreachable   no connection, or it broke
    │   ├── ProviderTimeout       no answer in time
    │   ├── AuthenticationFailed  the server refused the key
    │   ├── RateLimited           too many requests, or no credit left
    │   ├── ContextOverflow       the prompt is longer than the model takes
    │   └── InvalidReply          the answer is no chat completion
    ├── Unbound                code that the journal only knows by name is needed
    └── ScriptExhausted        a ScriptedLLM was asked for more than its script holds
"""

__all__ = [
    "AgentNotFound",
    "AlreadyExists",
    "ArchivalStoreError",
    "ArchivalStoreTimeout",
    "ArchiveNotFound",
    "AuthenticationFailed",
    "BlockNotFound",
    "Busy",
    "ConfigError",
    "Conflict",
    "ContextOverflow",
    "DiskFull",
    "EditFailed",
    "Error",
    "InvalidInput",
    "InvalidReply",
    "LimitExceeded",
    "MessageTooLarge",
    "MissingKey",
    "ModelNotFound",
    "NewerVersion",
    "NotADatabase",
    "NotFound",
    "PassageNotFound",
    "PolicyError",
    "ProviderError",
    "ProviderTimeout",
    "ProviderUnreachable",
    "RateLimited",
    "ReadOnlyArchive",
    "ReadOnlyBlock",
    "ReadOnlyStore",
    "Reentrant",
    "ScriptExhausted",
    "StoreError",
    "ToolError",
    "ToolNotFound",
    "TurnError",
    "Unbound",
    "WindowFull",
    "WindowTooSmall",
]


class Error(Exception):
    """The root of the tree."""

    def __str__(self) -> str:
        # A KeyError among the bases would print its text in quotation marks.
        return Exception.__str__(self)


class ConfigError(Error, ValueError):
    """An argument or option that cannot work."""


class WindowTooSmall(ConfigError):
    """System prompt, tools and memory blocks do not fit the context window."""


class MissingKey(ConfigError):
    """A provider needs a key that is not set."""


class InvalidInput(Error, ValueError):
    """A message or text that cannot be taken."""


class MessageTooLarge(InvalidInput):
    """A message that is larger than the window can ever hold."""


class NotFound(Error, LookupError):
    """Something that was asked for by name is not there."""


class AgentNotFound(NotFound):
    """No agent has this name."""


class BlockNotFound(NotFound, KeyError):
    """No memory block has this label."""


class ArchiveNotFound(NotFound):
    """No archive has this name, or it is not attached to the agent."""


class PassageNotFound(NotFound, KeyError):
    """The agent sees no passage of this id in archival memory."""


class ToolNotFound(NotFound):
    """No tool has this name."""


class ModelNotFound(NotFound):
    """Nothing answers for this handle of a model or embedder, or a model's files are not here."""


class AlreadyExists(Error):
    """The name is taken."""


class EditFailed(Error, ValueError):
    """An edit of memory that changes nothing; the text says what to do."""


class LimitExceeded(EditFailed):
    """The new value is over the block's limit."""


class ReadOnlyBlock(EditFailed):
    """The block cannot be edited by tools."""


class ReadOnlyArchive(EditFailed):
    """The archive is attached to the agent to be read only."""


class StoreError(Error):
    """The database cannot do what was asked."""


class NotADatabase(StoreError):
    """The file is not a memgpt database, or is damaged."""


class NewerVersion(StoreError):
    """The file was written by a newer memgpt."""


class ReadOnlyStore(StoreError):
    """The file or its folder cannot be written."""


class DiskFull(StoreError):
    """Nothing more can be written until there is space; what was acknowledged is kept."""


class Conflict(StoreError):
    """The branch head moved under a step; nothing of the step was written."""


class ArchivalStoreError(StoreError):
    """A program's own store of vectors failed; the journal has everything that was inserted."""


class ArchivalStoreTimeout(ArchivalStoreError):
    """A program's own store of vectors did not answer in time."""


class TurnError(Error):
    """An agent takes one turn at a time."""


class Busy(TurnError):
    """Another sender holds the turn for too long."""


class Reentrant(TurnError):
    """This call chain already holds the agent's turn."""


class PolicyError(Error):
    """A memory policy decided what cannot be done; the text names it and the step."""


class WindowFull(PolicyError):
    """Nothing that may go is left in the window, and what there is does not fit."""


class ToolError(Error):
    """A tool cannot be registered or called."""


class ProviderError(Error):
    """A model's provider failed."""


class ProviderUnreachable(ProviderError):
    """No connection to the model's server, or it broke."""


class ProviderTimeout(ProviderError):
    """The model's server did not answer in time."""


class AuthenticationFailed(ProviderError):
    """The model's server refused the key."""


class RateLimited(ProviderError):
    """Too many requests to the model's server, or no credit left there."""


class ContextOverflow(ProviderError):
    """The prompt is longer than the model takes.

    Raise it in ``complete()``: the agent then evicts, and calls once more.
    """


class InvalidReply(ProviderError):
    """What the model's server answered is no chat completion."""


class Unbound(Error):
    """Code that the journal only knows by name is needed."""


class ScriptExhausted(Error):
    """A ScriptedLLM was asked for more than its script holds."""
