#include "server/message_list.h"

#include <algorithm>
#include <utility>

#include "server/refusal.h"
#include "server/sent_words.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::int64_t kChunk = 256;  // messages that are read at once

struct Row {
  Message message;
  MessagePlace place;
};

// Rows of an agent's log, in either direction.
class Log {
 public:
  Log(ServerApi& api, Agent& agent)
      : journal_(api.home().journal()), head_(agent.state().agent.head) {}

  // [from, to), oldest first.
  std::vector<Row> rows(std::int64_t from, std::int64_t to) {
    auto messages = journal_->messages(head_, from, to - from);
    const auto places = journal_->places(head_, from, to - from);
    std::vector<Row> rows;
    for (std::size_t i = 0; i < messages.size() && i < places.size(); ++i) {
      if (messages[i].position >= to) break;
      // A turn is known by the commit of its input.
      if (messages[i].author == "user" && messages[i].role != Role::tool) input_ = places[i];
      rows.push_back({std::move(messages[i]), {places[i], input_before(places[i])}});
    }
    add_words(rows);
    return rows;
  }
  [[nodiscard]] std::optional<std::int64_t> position(const std::string& id) {
    return journal_->position_of(head_, id);
  }

 private:
  void add_words(std::vector<Row>& rows) {
    std::vector<std::string> ids;
    for (const auto& row : rows)
      if (may_have_words(row.message)) ids.push_back(row.message.id);
    auto words = sent_words(*journal_, ids);
    if (words.empty()) return;
    for (auto& row : rows)
      if (const auto found = words.find(row.message.id); found != words.end())
        row.place.words = std::move(found->second);
  }

  // Of the first rows that are read it has to be looked for.
  Head input_before(Head place) {
    if (input_.seq > 0 && input_.seq <= place.seq) return input_;
    return input_ = turn_input(*journal_, head_, place);
  }

  std::shared_ptr<Journal> journal_;
  Head head_;
  Head input_;
};

}  // namespace

Head turn_input(Journal& journal, Head head, Head place) {
  Head input;
  journal.kinds_back(journal.place(head, place.seq),
                     [&](std::int64_t seq, const std::string& kind) {
                       if (kind == "input") input.seq = seq;
                       return kind != "input" && kind != "create" && kind != "import";
                     });
  return input.seq > 0 ? journal.place(head, input.seq) : input;
}

std::int64_t first_listed(const AgentConfig& config) {
  return int_or(object_of(config.settings), "listed_from", 0);
}

std::string messages_page(ServerApi& api, Agent& agent, const Page& page, const MessageForm& form) {
  Log log(api, agent);
  std::int64_t begin = first_listed(agent.config());
  std::int64_t end = agent.state().next_position;
  const auto bound = [&](const std::string& id, bool from) {
    const auto position = log.position(id);
    // A list that is read to its end must come to it.
    if (!position) return begin = end;
    return from ? begin = std::max(begin, *position + 1) : end = std::min(end, *position);
  };
  // In the order of the request: what comes after is older where the newest come first.
  if (!page.after.empty()) bound(page.after, page.ascending);
  if (!page.before.empty()) bound(page.before, !page.ascending);
  // With `before` alone: those next to it.
  const bool forward = page.ascending != (page.after.empty() && !page.before.empty());

  std::vector<std::vector<std::string>> shown;  // the parts of each message, as they are read
  while (begin < end && std::ssize(shown) < page.limit) {
    const auto from = forward ? begin : std::max(begin, end - kChunk);
    const auto to = forward ? std::min(end, begin + kChunk) : end;
    auto rows = log.rows(from, to);
    if (!forward) std::reverse(rows.begin(), rows.end());
    for (const auto& row : rows) {
      if (std::ssize(shown) == page.limit) break;
      std::vector<std::string> parts;
      split_message(row.message, row.place, form, [&](std::string_view, std::string&& part) {
        parts.push_back(std::move(part));
      });
      if (!parts.empty()) shown.push_back(std::move(parts));
    }
    (forward ? begin : end) = forward ? to : from;
  }
  if (forward != page.ascending) std::reverse(shown.begin(), shown.end());
  std::string out = "[";
  bool first = true;
  for (auto& parts : shown) {
    if (!page.ascending) std::reverse(parts.begin(), parts.end());
    for (const auto& part : parts) {
      if (!std::exchange(first, false)) out += ", ";
      out += part;
    }
  }
  return out + ']';
}

}  // namespace memgpt
