#include "server/sent_words.h"

#include "server/call.h"
#include "server/refusal.h"
#include "server/wire.h"
#include "store/card.h"

namespace memgpt {

namespace {

constexpr const char* kKind = "message";
constexpr std::size_t kLongest = 1000;  // bytes; clients send ids

std::string short_text(const json::object& message, std::string_view name) {
  auto given = body::text(message, name).value_or("");
  if (given.size() > kLongest)
    throw Refusal(422, '"' + std::string(name) + "\" must be a text of at most " +
                           std::to_string(kLongest) + " bytes");
  return given;
}

}  // namespace

void keep_sent_words(ServerApi& api, const json::object& body, std::vector<Input>& inputs) {
  const auto* messages = body::array(body, "messages");
  if (messages == nullptr) return;
  std::vector<Card> cards;
  for (std::size_t i = 0; i < messages->size() && i < inputs.size(); ++i) {
    const auto& message = (*messages)[i].get_object();  // it was read already
    const auto otid = short_text(message, "otid");
    const auto sender = short_text(message, "sender_id");
    if (otid.empty() && sender.empty()) continue;
    inputs[i].id = api.new_id("message");
    const auto now = api.now_us();
    cards.push_back({kKind, inputs[i].id, "",
                     json::serialize(json::object{{"otid", otid}, {"sender_id", sender}}), now,
                     now});
  }
  for (const auto& card : cards) api.home().journal()->put_card(card);
}

bool may_have_words(const Message& message) {
  return message.role != Role::tool && (message.author == "user" || message.author == "system");
}

SentWordsById sent_words(Journal& journal, const std::vector<std::string>& ids) {
  SentWordsById all;
  for (const auto& card : journal.cards_of(kKind, ids)) {
    const auto kept = object_of(card.json);
    all[card.id] = {string_or(kept, "otid"), string_or(kept, "sender_id")};
  }
  return all;
}

SentWords sent_words(Journal& journal, const Message& message) {
  if (!may_have_words(message)) return {};
  auto all = sent_words(journal, std::vector<std::string>{message.id});
  return all.empty() ? SentWords() : std::move(all.begin()->second);
}

}  // namespace memgpt
