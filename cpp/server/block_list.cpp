#include "server/block_list.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "memory/unicode.h"
#include "server/api.h"
#include "server/block_bodies.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::int64_t kMostAgents = 1'000'000'000;

struct HeldBlock {
  BlockHolder holder;
  Block block;  // by the id that clients know
  bool shared = false;
};

// Each block of each agent, the oldest agent first, until `visit` returns false. The journal has
// them without the rest of the agents' states.
void each_block(ServerApi& api, const std::function<bool(HeldBlock&& held)>& visit) {
  const auto journal = api.home().journal();
  for (const auto& row : journal->agents())
    for (const auto& version : journal->blocks(row.head))
      if (!visit({{row.id, version.block.label}, wire_block(row.id, version), version.shared > 0}))
        return;
}

// A word of a search, in either case.
class Search {
 public:
  Search(const Call& call, std::string_view name) {
    if (const auto given = call.asked(name)) wanted_ = lower_cased(*given);
  }
  [[nodiscard]] bool finds(const std::string& text) const {
    return !wanted_ || lower_cased(text).find(*wanted_) != std::string::npos;
  }

 private:
  std::optional<std::string> wanted_;
};

// What a list is asked for.
class Filter {
 public:
  explicit Filter(const Call& call)
      : label_(call.asked("label")),
        name_(call.asked("name")),
        in_label_(call, "label_search"),
        in_description_(call, "description_search"),
        in_value_(call, "value_search"),
        more_than_(call.asked_ints("connected_to_agents_count_gt", -1, kMostAgents)),
        less_than_(call.asked_ints("connected_to_agents_count_lt", -1, kMostAgents)),
        equal_(call.asked_ints("connected_to_agents_count_eq", -1, kMostAgents)),
        templates_(call.asked_flag("templates_only", false)),
        tags_(call.asked_all("tags")),
        all_tags_(call.asked_flag("match_all_tags", false)) {
    // No block has one.
    for (const char* none : {"identity_id", "identifier_keys", "project_id"})
      nothing_ = nothing_ || call.asked(none);
  }

  [[nodiscard]] bool takes(const HomeBlock& home_block) const {
    const auto& block = home_block.block;
    return !nothing_ && (!label_ || block.label == *label_) && in_label_.finds(block.label) &&
           in_description_.finds(block.description) && in_value_.finds(block.value) &&
           takes(std::ssize(home_block.holders));
  }

  // In the form of the wire.
  [[nodiscard]] bool takes(const json::object& item) const {
    if (name_ && item.at("name") != json::value(*name_)) return false;
    if (templates_ && item.at("is_template") != true) return false;
    return has_tags(item, tags_, all_tags_);
  }

 private:
  [[nodiscard]] bool takes(std::int64_t agents) const {
    const auto more = [&](std::int64_t bound) { return agents > bound; };
    const auto less = [&](std::int64_t bound) { return agents < bound; };
    return std::all_of(more_than_.begin(), more_than_.end(), more) &&
           std::all_of(less_than_.begin(), less_than_.end(), less) &&
           (equal_.empty() || std::find(equal_.begin(), equal_.end(), agents) != equal_.end());
  }

  std::optional<std::string> label_;
  std::optional<std::string> name_;
  Search in_label_;
  Search in_description_;
  Search in_value_;
  std::vector<std::int64_t> more_than_;
  std::vector<std::int64_t> less_than_;
  std::vector<std::int64_t> equal_;
  bool templates_;
  std::vector<std::string> tags_;
  bool all_tags_;
  bool nothing_ = false;
};

}  // namespace

std::optional<Block> shared_block(ServerApi& api, const std::string& id) {
  check_id(id, "block");
  if (is_deleted_block(api, id)) throw Refusal(404, "Block with id " + id + " not found");
  try {
    return api.home().journal()->shared_block(id).block;
  } catch (const BlockNotFound&) {
    return std::nullopt;
  }
}

HomeBlock own_block(ServerApi& api, const std::string& id) {
  std::optional<HomeBlock> found;
  each_block(api, [&](HeldBlock&& held) {
    if (!held.shared && held.block.id == id)
      found = HomeBlock{std::move(held.block), {std::move(held.holder)}};
    return !found;
  });
  if (!found) throw Refusal(404, "Block with id " + id + " not found");
  return *std::move(found);
}

Block block_by_id(ServerApi& api, const std::string& id) {
  if (auto shared = shared_block(api, id)) return *std::move(shared);
  return own_block(api, id).block;
}

std::vector<BlockHolder> holders_of(ServerApi& api, const std::string& id) {
  if (!shared_block(api, id)) return own_block(api, id).holders;
  std::vector<BlockHolder> holders;
  each_block(api, [&](HeldBlock&& held) {
    if (held.block.id == id) holders.push_back(std::move(held.holder));
    return true;
  });
  return holders;
}

std::vector<HomeBlock> home_blocks(ServerApi& api) {
  const auto gone = deleted_blocks(api);
  const std::unordered_set<std::string> deleted(gone.begin(), gone.end());
  std::vector<HomeBlock> blocks;
  std::unordered_map<std::string, std::size_t> shared;
  for (auto& record : api.home().shared_blocks()) {
    if (deleted.contains(record.block.id)) continue;
    shared[record.block.id] = blocks.size();
    blocks.push_back({std::move(record.block), {}});
  }
  each_block(api, [&](HeldBlock&& held) {
    if (!held.shared)
      blocks.push_back({std::move(held.block), {std::move(held.holder)}});
    else if (const auto found = shared.find(held.block.id); found != shared.end())
      blocks[found->second].holders.push_back(std::move(held.holder));
    return true;
  });
  return blocks;
}

ServerResponse list_blocks(ServerApi& api, const Call& call) {
  const auto page = page_of(call, 50);
  const Filter filter(call);
  const auto cards = block_cards(api);
  std::vector<json::object> items;
  for (const auto& home_block : home_blocks(api)) {
    if (!filter.takes(home_block)) continue;
    const auto card = cards.find(home_block.block.id);
    auto item = block_json(home_block.block,
                           card == cards.end() ? std::nullopt : std::optional(card->second));
    if (filter.takes(item)) items.push_back(std::move(item));
  }
  // Ids begin with the time.
  std::stable_sort(items.begin(), items.end(), [](const json::object& a, const json::object& b) {
    return a.at("id").as_string() < b.at("id").as_string();
  });
  json::array out;
  for (auto& item : paged(std::move(items), page, [](const json::object& item) {
         return std::string_view(item.at("id").as_string());
       }))
    out.push_back(std::move(item));
  return {200, json::serialize(out)};
}

}  // namespace memgpt
