// Byte-pair encoding of one pre-token.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace memgpt {

// The tokens of a vocabulary by their bytes, and their bytes by rank. Refers to the packed table
// that it is made from (tools/make_ranks.py describes it), which must outlive it.
class RankTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  // Throws Error where the table is damaged.
  explicit RankTable(std::string_view packed);

  // The rank of a token, or kNone. The size is not 0.
  [[nodiscard]] std::uint32_t find(const char* text, std::size_t size) const noexcept;
  // How many bytes merging may take as one part from the start: a character's where that cannot
  // change the result, otherwise 1.
  [[nodiscard]] std::size_t first_part(std::string_view text, std::size_t at) const noexcept;
  // Number of ranks, with any that have no token.
  [[nodiscard]] std::size_t size() const noexcept { return starts_.size(); }
  // Empty for a rank that has no token.
  [[nodiscard]] std::string_view bytes(std::uint32_t rank) const noexcept;

 private:
  struct ShortEntry {
    std::uint64_t key = 0;  // the bytes of a token of 3 to 8
    std::uint32_t size = 0;
    std::uint32_t rank = kNone;
  };
  struct LongEntry {
    std::uint32_t tag = 0;  // of the hash, so that the bytes are seldom compared in vain
    std::uint32_t rank = kNone;
  };

  void insert(std::uint32_t rank, std::string_view token);
  [[nodiscard]] std::uint32_t find_short(const char* text, std::size_t size) const noexcept;
  [[nodiscard]] std::uint32_t find_long(const char* text, std::size_t size) const noexcept;

  void find_whole_characters();
  [[nodiscard]] bool is_early(std::string_view character, std::uint32_t rank) const;
  void drop_late_characters(std::uint32_t rank);

  const char* packed_;
  std::vector<std::uint32_t> starts_;  // of a token's length byte in packed_
  std::size_t longest_ = 0;
  std::array<std::uint32_t, 256> singles_;
  std::vector<std::uint32_t> pairs_;  // by both bytes
  // Open addressing, linear probing; at most half full.
  std::vector<ShortEntry> shorts_;
  std::vector<LongEntry> longs_;
  // What first_part() needs: characters, by code, and pairs of bytes on both sides of a border
  // between characters that some token with a part of a character goes across.
  std::bitset<0x10000> whole_;
  std::bitset<0x10000> crossed_;
};

// Appends the tokens of a pre-token to `tokens`, unless that is null; returns how many they are.
// Takes linear time on any text that people or programs have been seen to make, and never more
// than O(n log n). Allocates only for pre-tokens that windows cannot encode.
std::size_t encode_piece(const RankTable& ranks, std::string_view piece,
                         std::vector<std::uint32_t>* tokens);

// The same by one heap over the whole pre-token: O(n log n), but without any bound on how far one
// end of the text can influence the other.
std::size_t encode_with_heap(const RankTable& ranks, std::string_view piece,
                             std::vector<std::uint32_t>* tokens);

}  // namespace memgpt
