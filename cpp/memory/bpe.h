// Byte-pair encoding of one pre-token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "memory/rank_table.h"

namespace memgpt {

// Appends the tokens of a pre-token to `tokens`, unless that is null; returns how many they are.
// Takes linear time on any text that people or programs have been seen to make, and never more
// than O(n log n). Allocates only for pre-tokens that windows cannot encode.
std::size_t encode_piece(const RankTable& ranks, std::string_view piece,
                         std::vector<std::uint32_t>* tokens);

// The same by one heap over the whole pre-token: O(n log n), but without any bound on how far one
// end of the text can influence the other.
std::size_t encode_with_heap(const RankTable& ranks, std::string_view piece,
                             std::vector<std::uint32_t>* tokens);

// Counts or encodes the pre-tokens of a text, and remembers the last ones while it lives, for a
// text has most of its words many times.
class PieceEncoder {
 public:
  enum class Use : std::uint8_t { count, encode };

  // The larger the text, the more is remembered.
  PieceEncoder(const RankTable& ranks, std::size_t text_size, Use use);

  [[nodiscard]] std::size_t count(std::string_view piece) {
    if (!is_kept(piece) || counts_.empty()) return encode_piece(ranks_, piece, nullptr);
    return recall_count(piece);
  }

  void encode(std::string_view piece, std::vector<std::uint32_t>* tokens) {
    if (!is_kept(piece) || ids_.empty()) {
      encode_piece(ranks_, piece, tokens);
      return;
    }
    const std::uint32_t whole = ranks_.find(piece.data(), piece.size());
    if (whole == RankTable::kNone) {
      recall_ids(piece, tokens);
    } else {
      tokens->push_back(whole);
    }
  }

 private:
  struct Known {
    std::uint64_t first = 0;  // together all bytes of a pre-token of 3 to 16
    std::uint64_t last = 0;
    std::uint32_t size = 0;
    std::uint32_t count = 0;

    explicit Known(std::string_view piece);
    Known() = default;
    [[nodiscard]] std::size_t hash() const { return mix_hash(mix_hash(size, first), last); }
    [[nodiscard]] bool is(const Known& other) const {
      return first == other.first && last == other.last && size == other.size;
    }
  };
  struct KnownIds : Known {
    std::array<std::uint32_t, 4> ids{};  // a pre-token of more is encoded each time
  };

  [[nodiscard]] static bool is_kept(std::string_view piece) {
    return piece.size() >= 3 && piece.size() <= 16;
  }
  std::size_t recall_count(std::string_view piece);
  void recall_ids(std::string_view piece, std::vector<std::uint32_t>* tokens);

  const RankTable& ranks_;
  // By hash; a newer pre-token replaces an older one. Only the one that it was made for is there.
  std::vector<Known> counts_;
  std::vector<KnownIds> ids_;
};

}  // namespace memgpt
