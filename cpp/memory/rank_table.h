// A vocabulary's tokens by their bytes, and their bytes by rank.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace memgpt {

template <typename Integer>
Integer load_bytes(const char* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// 3 to 8 bytes, in a way that is unique among texts of one size and reads none beyond them.
inline std::uint64_t short_key(const char* text, std::size_t size) {
  if (size >= 4) {
    return load_bytes<std::uint32_t>(text) |
           std::uint64_t{load_bytes<std::uint32_t>(text + size - 4)} << 32U;
  }
  return load_bytes<std::uint16_t>(text) | std::uint64_t{static_cast<unsigned char>(text[2])}
                                               << 16U;
}

// Of the character that begins with this byte, in valid UTF-8.
inline std::size_t character_size(char lead) {
  constexpr std::uint8_t kSizes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
  return kSizes[static_cast<unsigned char>(lead) >> 4U];
}

// The bytes of a character of this size.
inline std::uint32_t character_bytes(const char* at, std::size_t size) {
  if (size == 1) return static_cast<unsigned char>(*at);
  if (size == 2) return load_bytes<std::uint16_t>(at);
  if (size == 4) return load_bytes<std::uint32_t>(at);
  return load_bytes<std::uint16_t>(at) | std::uint32_t{static_cast<unsigned char>(at[2])} << 16U;
}

inline std::uint64_t mix_hash(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ hash >> 32U;
}

inline std::size_t pair_index(const char* text) {
  return static_cast<std::size_t>(static_cast<unsigned char>(text[0])) << 8U |
         static_cast<unsigned char>(text[1]);
}

// Refers to the packed table that it is made from (tools/make_ranks.py describes it), which must
// outlive it.
class RankTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  static constexpr std::size_t kMost = std::size_t{1} << 22U;  // so that merging can pack ranks

  // Throws Error where the table is damaged.
  explicit RankTable(std::string_view packed);

  // The rank of a token, or kNone. The size is not 0.
  [[nodiscard]] std::uint32_t find(const char* text, std::size_t size) const noexcept {
    return look_up<false>(text, size);
  }
  // The same, but faster where the text is seldom a token.
  [[nodiscard]] std::uint32_t find_rare(const char* text, std::size_t size) const noexcept {
    return look_up<true>(text, size);
  }
  // How many bytes merging may take as one part from the start: a character's where that cannot
  // change the result, otherwise 1.
  [[nodiscard]] std::size_t first_part(std::string_view text, std::size_t at) const noexcept;
  // False where no token goes across the border between two characters, one of which has 3 bytes or
  // more: what is on one side of it is encoded without regard to the other. `border` is where the
  // second one begins; both are given as their bytes.
  [[nodiscard]] bool may_join(const char* border, std::uint32_t left,
                              std::uint32_t right) const noexcept {
    if (crossed_[pair_index(border - 1)]) return true;
    const std::size_t bit = join_bit(left, right);
    return (joined_[bit / 64] >> bit % 64 & 1U) != 0;
  }
  // Number of ranks, with any that have no token.
  [[nodiscard]] std::size_t size() const noexcept { return starts_.size(); }
  // Empty for a rank that has no token.
  [[nodiscard]] std::string_view bytes(std::uint32_t rank) const noexcept;

 private:
  static constexpr unsigned kFilterBits = 21;  // of the high ones: the tables take the low ones
  static constexpr unsigned kJoinBits = 19;

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
  void add_to_filter(std::uint64_t hash);
  template <bool kFilter>
  [[nodiscard]] std::uint32_t look_up(const char* text, std::size_t size) const noexcept {
    if (size == 1) return singles_[static_cast<unsigned char>(text[0])];
    if (size == 2) return pairs_[pair_index(text)];
    if (size > 8) return size > longest_ ? kNone : find_long(text, size, kFilter);
    const std::uint64_t key = short_key(text, size);
    const std::uint64_t hash = mix_hash(size, key);
    if (kFilter && !may_have(hash)) return kNone;
    std::size_t slot = hash & (shorts_.size() - 1);
    while (shorts_[slot].key != key || shorts_[slot].size != size) {
      if (shorts_[slot].size == 0) return kNone;
      slot = (slot + 1) & (shorts_.size() - 1);
    }
    return shorts_[slot].rank;
  }

  [[nodiscard]] std::uint32_t find_long(const char* text, std::size_t size,
                                        bool filter) const noexcept;
  static std::size_t filter_bit(std::uint64_t hash) { return hash >> (64U - kFilterBits); }
  [[nodiscard]] bool may_have(std::uint64_t hash) const noexcept {
    const std::size_t bit = filter_bit(hash);
    return (filter_[bit / 64] >> bit % 64 & 1U) != 0;
  }
  static std::size_t join_bit(std::uint32_t left, std::uint32_t right) {
    return mix_hash(left, std::uint64_t{right} << 32U) >> (64U - kJoinBits);
  }
  void find_whole_characters();
  void add_joined_characters(std::string_view token);
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
  std::vector<std::uint64_t> filter_;  // one bit, by the hash, for each entry of both
  // What first_part() needs: characters, by code, and pairs of bytes on both sides of a border
  // between characters that some token with a part of a character goes across.
  std::bitset<0x10000> whole_;
  std::bitset<0x10000> crossed_;
  std::vector<std::uint64_t>
      joined_;  // one bit, by hash, for neighbours in a token, as in may_join
};

}  // namespace memgpt
