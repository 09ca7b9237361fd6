// Every error the kernel raises, in one tree. Python has the same names in memgpt.errors.
//
//   Error
//   +-- ConfigError            an argument or option that cannot work
//   |   +-- WindowTooSmall     system prompt, tools and blocks do not fit the context window
//   |   +-- MissingKey         a provider needs a key that is not set
//   +-- InvalidInput           a message or text that cannot be taken
//   |   +-- MessageTooLarge    larger than the window can ever hold
//   +-- NotFound
//   |   +-- AgentNotFound
//   |   +-- BlockNotFound
//   |   +-- ArchiveNotFound
//   |   +-- PassageNotFound
//   |   +-- ToolNotFound
//   |   +-- ModelNotFound
//   +-- AlreadyExists          the name is taken
//   +-- EditFailed             an edit of memory that changes nothing
//   |   +-- LimitExceeded      the new value is over the block's limit
//   |   +-- ReadOnlyBlock
//   |   +-- ReadOnlyArchive    it is attached to be read only
//   +-- StoreError             the database cannot do what was asked
//   |   +-- NotADatabase
//   |   +-- NewerVersion       written by a newer memgpt
//   |   +-- ReadOnlyStore
//   |   +-- DiskFull         nothing more can be written until there is space
//   |   +-- Conflict           the branch head moved under a step
//   |   +-- ArchivalStoreError    a program's own store of vectors failed
//   |       +-- ArchivalStoreTimeout  it did not answer in time
//   +-- TurnError
//   |   +-- Busy               another sender holds the turn for too long
//   |   +-- Reentrant          this call chain already holds the turn
//   +-- PolicyError            a memory policy decided what cannot be done
//   |   +-- WindowFull         nothing that may go is left, and it does not fit
//   +-- ToolError              a tool cannot be registered or called
//   +-- ProviderError          a model's provider failed
//   |   +-- ProviderUnreachable   no connection, or it broke
//   |   +-- ProviderTimeout       no answer in time
//   |   +-- AuthenticationFailed  the server refused the key
//   |   +-- RateLimited           too many requests, or no credit left
//   |   +-- ContextOverflow       the prompt is longer than the model takes
//   |   +-- InvalidReply          the answer is no chat completion
//   +-- Unbound                code that the journal only knows by name is needed
#pragma once

#include <stdexcept>
#include <string>

namespace memgpt {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // The class's own name: the bindings look the Python class up by it.
  [[nodiscard]] virtual const char* name() const noexcept { return "Error"; }
};

#define MEMGPT_ERROR(Name, Parent)                                             \
  class Name : public Parent {                                                 \
   public:                                                                     \
    using Parent::Parent;                                                      \
    [[nodiscard]] const char* name() const noexcept override { return #Name; } \
  }

MEMGPT_ERROR(ConfigError, Error);
MEMGPT_ERROR(WindowTooSmall, ConfigError);
MEMGPT_ERROR(MissingKey, ConfigError);
MEMGPT_ERROR(InvalidInput, Error);
MEMGPT_ERROR(MessageTooLarge, InvalidInput);
MEMGPT_ERROR(NotFound, Error);
MEMGPT_ERROR(AgentNotFound, NotFound);
MEMGPT_ERROR(BlockNotFound, NotFound);
MEMGPT_ERROR(ArchiveNotFound, NotFound);
MEMGPT_ERROR(PassageNotFound, NotFound);
MEMGPT_ERROR(ToolNotFound, NotFound);
MEMGPT_ERROR(ModelNotFound, NotFound);
MEMGPT_ERROR(AlreadyExists, Error);
MEMGPT_ERROR(EditFailed, Error);
MEMGPT_ERROR(LimitExceeded, EditFailed);
MEMGPT_ERROR(ReadOnlyBlock, EditFailed);
MEMGPT_ERROR(ReadOnlyArchive, EditFailed);
MEMGPT_ERROR(StoreError, Error);
MEMGPT_ERROR(NotADatabase, StoreError);
MEMGPT_ERROR(NewerVersion, StoreError);
MEMGPT_ERROR(ReadOnlyStore, StoreError);
MEMGPT_ERROR(DiskFull, StoreError);
MEMGPT_ERROR(Conflict, StoreError);
MEMGPT_ERROR(ArchivalStoreError, StoreError);
MEMGPT_ERROR(ArchivalStoreTimeout, ArchivalStoreError);
MEMGPT_ERROR(TurnError, Error);
MEMGPT_ERROR(Busy, TurnError);
MEMGPT_ERROR(Reentrant, TurnError);
MEMGPT_ERROR(PolicyError, Error);
MEMGPT_ERROR(WindowFull, PolicyError);
MEMGPT_ERROR(ToolError, Error);
MEMGPT_ERROR(ProviderError, Error);
MEMGPT_ERROR(ProviderUnreachable, ProviderError);
MEMGPT_ERROR(ProviderTimeout, ProviderError);
MEMGPT_ERROR(AuthenticationFailed, ProviderError);
MEMGPT_ERROR(RateLimited, ProviderError);

// The server's own figures where it gave them: tokens of the prompt, and what it takes; 0 = not
// said.
class ContextOverflow : public ProviderError {
 public:
  explicit ContextOverflow(const std::string& text, int prompt = 0, int limit = 0)
      : ProviderError(text), prompt_tokens(prompt), limit_tokens(limit) {}
  [[nodiscard]] const char* name() const noexcept override { return "ContextOverflow"; }
  int prompt_tokens;
  int limit_tokens;
};

MEMGPT_ERROR(InvalidReply, ProviderError);
MEMGPT_ERROR(Unbound, Error);

#undef MEMGPT_ERROR

}  // namespace memgpt
