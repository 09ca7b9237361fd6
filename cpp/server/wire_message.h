// Messages as the clients know them: one of the kernel's is split into several.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"
#include "memory/message.h"
#include "store/lineage.h"

namespace memgpt {

// How a client wants them.
struct MessageForm {
  bool use_assistant_message = true;  // what the agent says as one, instead of a tool's call
  std::string tool_name = "send_message";
  std::string tool_argument = "message";
  std::vector<std::string> types;  // only these; empty = all
  [[nodiscard]] bool wants(std::string_view type) const;
};
[[nodiscard]] MessageForm message_form(const json::object& body);

// What a client said of a message that it sent, and knows it by. Empty = nothing.
struct SentWords {
  std::string otid;
  std::string sender_id;
};

// Where a message belongs; seq 0 = not known.
struct MessagePlace {
  Head step;             // the commit that wrote it
  Head input;            // of its turn
  SentWords words = {};  // of its client
};

// The id of one part of a message: of its id, the last seven bits replaced by the number of the
// part. Those that are there are counted from 0, also where the client wants only some of them.
[[nodiscard]] std::string part_id(std::string_view message_id, int part);

// One part, as JSON.
using OnPart = std::function<void(std::string_view type, std::string&& part)>;
void split_message(const Message& message, const MessagePlace& place, const MessageForm& form,
                   const OnPart& on_part);
// The number of the part that is said; 0 where none is.
[[nodiscard]] int said_part(const Message& message, const MessageForm& form);

// Pieces of a reply, for a stream of tokens.
struct PieceHead {
  std::string_view id;  // of the message that it will be
  int part = 0;
  TimeUs time_us = 0;
  MessagePlace place;
};
[[nodiscard]] std::string reasoning_piece(const PieceHead& head, std::string_view text,
                                          bool natively);
[[nodiscard]] std::string assistant_piece(const PieceHead& head, std::string_view text);
[[nodiscard]] std::string call_message(const PieceHead& head, const ToolCall& call);
// `name`: in the first one of a call.
[[nodiscard]] std::string call_piece(const PieceHead& head, std::string_view name,
                                     std::string_view arguments, std::string_view call_id);

}  // namespace memgpt
