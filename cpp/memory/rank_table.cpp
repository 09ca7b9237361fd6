#include "memory/rank_table.h"

#include <algorithm>
#include <bit>

#include "error.h"
#include "memory/text.h"

namespace memgpt {
namespace {

// Of more than 8 bytes.
std::uint64_t long_hash(const char* text, std::size_t size) {
  std::uint64_t hash = size;
  for (std::size_t at = 0; at + 8 < size; at += 8) {
    hash = mix_hash(hash, load_bytes<std::uint64_t>(text + at));
  }
  return mix_hash(hash, load_bytes<std::uint64_t>(text + size - 8));
}

}  // namespace

RankTable::RankTable(std::string_view packed) : packed_(packed.data()) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(packed[at]); };
  if (packed.size() < 8 || packed.substr(0, 4) != "MGR1") throw Error("damaged token table");
  const std::size_t count = byte(4) | byte(5) << 8U | byte(6) << 16U | std::size_t{byte(7)} << 24U;
  starts_.reserve(count);
  std::size_t shorts = 0;
  std::size_t at = 8;
  for (std::size_t rank = 0; rank < count && at < packed.size(); ++rank) {
    starts_.push_back(static_cast<std::uint32_t>(at));
    const std::size_t size = byte(at);
    if (size <= 8) ++shorts;
    longest_ = std::max(longest_, size);
    at += 1 + size;
  }
  const bool complete = starts_.size() == count && at == packed.size();
  if (!complete || count > kMost) throw Error("damaged token table");

  singles_.fill(kNone);
  pairs_.assign(0x10000, kNone);
  filter_.assign((std::size_t{1} << kFilterBits) / 64, 0);
  shorts_.resize(std::bit_ceil(shorts * 3 / 2 + 2));
  longs_.resize(std::bit_ceil((count - shorts) * 2 + 2));
  for (std::uint32_t rank = 0; rank < count; ++rank) insert(rank, bytes(rank));
  // Merging starts from single bytes, so each must have a rank.
  if (std::find(singles_.begin(), singles_.end(), kNone) != singles_.end()) {
    throw Error("damaged token table");
  }
  find_whole_characters();
}

std::string_view RankTable::bytes(std::uint32_t rank) const noexcept {
  const char* const at = packed_ + starts_[rank];
  return {at + 1, static_cast<unsigned char>(*at)};
}

void RankTable::insert(std::uint32_t rank, std::string_view token) {
  if (token.empty()) return;
  if (token.size() == 1) {
    singles_[static_cast<unsigned char>(token[0])] = rank;
  } else if (token.size() == 2) {
    pairs_[pair_index(token.data())] = rank;
  } else if (token.size() <= 8) {
    const std::uint64_t key = short_key(token.data(), token.size());
    const std::uint64_t hash = mix_hash(token.size(), key);
    std::size_t slot = hash & (shorts_.size() - 1);
    while (shorts_[slot].size != 0) slot = (slot + 1) & (shorts_.size() - 1);
    shorts_[slot] = {key, static_cast<std::uint32_t>(token.size()), rank};
    add_to_filter(hash);
  } else {
    const std::uint64_t hash = long_hash(token.data(), token.size());
    std::size_t slot = hash & (longs_.size() - 1);
    while (longs_[slot].rank != kNone) slot = (slot + 1) & (longs_.size() - 1);
    longs_[slot] = {static_cast<std::uint32_t>(hash >> 32U), rank};
    add_to_filter(hash);
  }
}

void RankTable::add_to_filter(std::uint64_t hash) {
  const std::size_t bit = filter_bit(hash);
  filter_[bit / 64] |= std::uint64_t{1} << bit % 64;
}

std::uint32_t RankTable::find_long(const char* text, std::size_t size, bool filter) const noexcept {
  const std::uint64_t hash = long_hash(text, size);
  if (filter && !may_have(hash)) return kNone;
  const auto tag = static_cast<std::uint32_t>(hash >> 32U);
  std::size_t slot = hash & (longs_.size() - 1);
  while (true) {
    const LongEntry& entry = longs_[slot];
    if (entry.rank == kNone) return kNone;
    if (entry.tag == tag && bytes(entry.rank) == std::string_view(text, size)) return entry.rank;
    slot = (slot + 1) & (longs_.size() - 1);
  }
}

namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_tail(std::string_view text, std::size_t at) { return (byte_at(text, at) & 0xC0U) == 0x80; }

struct Character {
  std::size_t size = 0;  // 0: none of 2 or 3 bytes begins there
  std::uint32_t code = 0;
};

Character character_at(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  const std::size_t size = lead < 0xC2 || lead >= 0xF0 ? 0 : lead < 0xE0 ? 2 : 3;
  if (size == 0 || size > text.size() - at || !is_tail(text, at + 1)) return {};
  const std::uint32_t second = byte_at(text, at + 1) & 0x3FU;
  if (size == 2) return {size, (lead & 0x1FU) << 6U | second};
  if (!is_tail(text, at + 2) || (lead == 0xE0 && second < 0x20)) return {};
  return {size, (lead & 0xFU) << 12U | second << 6U | (byte_at(text, at + 2) & 0x3FU)};
}

}  // namespace

// Merging can begin with a whole character, which saves most of its work on scripts beyond ASCII,
// where (1) no token that ends inside a character goes across the character's borders, so that
// its bytes merge with each other only, and (2) every token that has the character in it comes
// after it, and it after its parts, so that no other merge there could have come first.
void RankTable::find_whole_characters() {
  joined_.assign((std::size_t{1} << kJoinBits) / 64, 0);
  for (std::uint32_t rank = 0; rank < size(); ++rank) {
    const std::string_view token = bytes(rank);
    if (is_ascii(token)) continue;
    if (is_valid_utf8(token)) {
      const Character character = character_at(token, 0);
      if (character.size == token.size() && is_early(token, rank)) whole_.set(character.code);
      add_joined_characters(token);
      continue;
    }
    for (std::size_t at = 1; at < token.size(); ++at) {
      if (!is_tail(token, at)) crossed_.set(pair_index(token.data() + at - 1));
    }
  }
  for (std::uint32_t rank = 0; rank < size(); ++rank) drop_late_characters(rank);
}

void RankTable::add_joined_characters(std::string_view token) {
  std::size_t before = 0;
  std::uint32_t left = 0;
  for (std::size_t at = 0, size = 0; at < token.size(); at += size) {
    size = character_size(token[at]);
    const std::uint32_t right = character_bytes(token.data() + at, size);
    if (at > 0 && std::max(before, size) >= 3) {
      const std::size_t bit = join_bit(left, right);
      joined_[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
    before = size;
    left = right;
  }
}

bool RankTable::is_early(std::string_view character, std::uint32_t rank) const {
  if (character.size() != 3) return character.size() == 2;
  return std::min(find(character.data(), 2), find(character.data() + 1, 2)) < rank;
}

void RankTable::drop_late_characters(std::uint32_t rank) {
  const std::string_view token = bytes(rank);
  // In a token that is not valid by itself, the borders of the characters are crossed.
  if (is_ascii(token) || !is_valid_utf8(token)) return;
  for (std::size_t at = 0; at < token.size(); ++at) {
    const Character character = character_at(token, at);
    if (character.size == 0 || character.size == token.size()) continue;
    if (first_part(token, at) == 1) continue;  // not taken as a whole here, or nowhere
    if (find(token.data() + at, character.size) > rank) whole_.reset(character.code);
  }
}

std::size_t RankTable::first_part(std::string_view text, std::size_t at) const noexcept {
  if (byte_at(text, at) < 0xC0) return 1;
  const Character character = character_at(text, at);
  if (character.size == 0 || !whole_[character.code]) return 1;
  const std::size_t end = at + character.size;
  if (at > 0 && crossed_[pair_index(text.data() + at - 1)]) return 1;
  if (end < text.size() && (is_tail(text, end) || crossed_[pair_index(text.data() + end - 1)])) {
    return 1;
  }
  return character.size;
}

}  // namespace memgpt
