#include "server/record_pages.h"

#include <algorithm>

#include "server/sent_words.h"

namespace memgpt {

// Those that a list is about; an agent that is not there has no records.
std::vector<AgentRow> asked_agents(ServerApi& api, const Call& call) {
  auto ids = call.asked_all("agent_ids");
  if (const auto one = call.asked("agent_id")) ids.push_back(*one);
  for (const auto& id : ids) check_id(id, "agent");
  auto agents = api.home().agents();
  if (!ids.empty())
    std::erase_if(agents, [&](const AgentRow& row) {
      return std::find(ids.begin(), ids.end(), row.id) == ids.end();
    });
  return agents;
}

ServerResponse record_messages(ServerApi& api, Call& call, std::vector<PlacedMessage> messages) {
  const auto page = page_of(call, 100);
  MessageForm form;
  form.use_assistant_message = call.asked_flag("use_assistant_message", true);
  const auto journal = api.home().journal();
  std::string out = "[";
  for (auto& item : paged(std::move(messages), page, [](const PlacedMessage& item) {
         return std::string_view(item.message->id);
       })) {
    item.place.words = sent_words(*journal, *item.message);
    std::vector<std::string> parts;
    split_message(*item.message, item.place, form,
                  [&](std::string_view, std::string&& part) { parts.push_back(std::move(part)); });
    if (!page.ascending) std::reverse(parts.begin(), parts.end());
    for (const auto& part : parts) {
      if (out.size() > 1) out += ", ";
      out += part;
    }
  }
  return {200, out + ']'};
}

}  // namespace memgpt
