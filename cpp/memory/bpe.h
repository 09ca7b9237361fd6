// Byte-pair encoding of one pre-token.
#pragma once

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

// Counts the tokens of pre-tokens, and remembers the last ones while it lives, for a text has most
// of its words many times.
class PieceCounter {
 public:
  // The larger the text, the more is remembered.
  PieceCounter(const RankTable& ranks, std::size_t text_size);

  [[nodiscard]] std::size_t count(std::string_view piece) {
    if (piece.size() < 3 || piece.size() > 16 || known_.empty()) {
      return encode_piece(ranks_, piece, nullptr);
    }
    return recall(piece);
  }

 private:
  struct Known {
    std::uint64_t first = 0;  // together all bytes of a pre-token of 3 to 16
    std::uint64_t last = 0;
    std::uint32_t size = 0;
    std::uint32_t tokens = 0;
  };

  std::size_t recall(std::string_view piece);

  const RankTable& ranks_;
  std::vector<Known> known_;  // by hash; a newer pre-token replaces an older one
};

}  // namespace memgpt
