// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>
#include "key/bytes.h"

// Ways to damage a file, some of which know what such files are made of. The same seed damages in the same way.

namespace assay {
namespace fuzz {

using File = std::vector<u8>;

/** splitmix64. */
class Random {
 public:
  explicit Random(u64 seed) : state_(seed) {}
  u64 next() {
    u64 z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  /** Below `limit`; 0 for 0. */
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(next() % limit); }
  u8 byte() { return static_cast<u8>(next()); }

 private:
  u64 state_;
};

/** Values at which counts and lengths go wrong. */
inline u64 awkward(Random& random) {
  static const u64 values[] = {0, 1, 2, 3, 31, 32, 64, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, u64{1} << 32,
                               (u64{1} << 32) + 1, u64{1} << 58, ~u64{0} - 11, ~u64{0}};
  const std::size_t count = sizeof values / sizeof *values;
  const std::size_t choice = random.below(count + 2);
  return choice < count ? values[choice] : choice == count ? random.next() : random.below(1 << 20);
}

inline std::size_t placeIn(Random& random, const File& file, std::size_t size) {
  if (file.size() <= size) return 0;
  // Headers lie in front.
  const std::size_t places = file.size() - size;
  return random.below(random.below(3) == 0 ? std::min<std::size_t>(places, 800) : places);
}

inline void overwrite(Random& random, File& file) {
  const std::size_t size = random.below(2) == 0 ? 4 : 8;
  const u64 value = awkward(random);
  std::size_t at = placeIn(random, file, size);
  if (random.below(2) == 0) at &= ~std::size_t{3};
  for (std::size_t i = 0; i < size && at + i < file.size(); i++) file[at + i] = static_cast<u8>(value >> (8 * i));
}

inline void flipBits(Random& random, File& file) {
  for (std::size_t n = 1 + random.below(8); n > 0 && !file.empty(); n--)
    file[placeIn(random, file, 1)] ^= static_cast<u8>(1u << random.below(8));
}

inline void fillRange(Random& random, File& file) {
  const std::size_t at = placeIn(random, file, 1), end = std::min(file.size(), at + random.below(200));
  const unsigned kind = static_cast<unsigned>(random.below(3));
  for (std::size_t i = at; i < end; i++) file[i] = kind == 0 ? 0 : kind == 1 ? 0xff : random.byte();
}

inline void cutOrGrow(Random& random, File& file) {
  if (random.below(2) == 0)
    file.resize(random.below(file.size() + 1));
  else
    for (std::size_t n = 1 + random.below(100); n > 0; n--) file.push_back(random.byte());
}

inline void moveRange(Random& random, File& file) {
  if (file.empty()) return;
  const std::size_t from = placeIn(random, file, 1), size = std::min(file.size() - from, random.below(400));
  const auto at = [&file](std::size_t place) { return file.begin() + static_cast<std::ptrdiff_t>(place); };
  const File range(at(from), at(from + size));
  if (random.below(2) == 0) file.erase(at(from), at(from + size));
  file.insert(at(placeIn(random, file, 0)), range.begin(), range.end());
}

struct Section {
  u32 type;
  File bytes;
};

/** Takes an undamaged file of sections apart, damages some, and puts it together with lengths that fit again. */
inline void rebuild(Random& random, File& file) {
  if (file.size() < 12) return;
  std::vector<Section> sections;
  for (std::size_t at = 12; at + 12 <= file.size();) {
    const u64 size = readU64(file.data() + at + 4);
    const u32 type = readU32(file.data() + at);
    at += 12;
    if (size > file.size() - at) return;
    const auto from = file.begin() + static_cast<std::ptrdiff_t>(at);
    sections.push_back({type, File(from, from + static_cast<std::ptrdiff_t>(size))});
    at += static_cast<std::size_t>(size);
  }
  if (sections.empty()) return;
  Section& chosen = sections[random.below(sections.size())];
  switch (random.below(6)) {
    case 0: overwrite(random, chosen.bytes); break;
    case 1: flipBits(random, chosen.bytes); break;
    case 2: cutOrGrow(random, chosen.bytes); break;
    case 3: moveRange(random, chosen.bytes); break;
    case 4: std::swap(sections[0], sections[random.below(sections.size())]); break;
    default: chosen.type = static_cast<u32>(random.below(12)); break;
  }
  file.resize(12);
  if (random.below(10) == 0) sections.push_back(sections[random.below(sections.size())]);
  if (random.below(4) != 0) writeU32(file.data() + 8, static_cast<u32>(sections.size()));
  for (const Section& section : sections) {
    u8 head[12];
    writeU32(head, section.type);
    writeU64(head + 4, section.bytes.size());
    file.insert(file.end(), head, head + sizeof head);
    file.insert(file.end(), section.bytes.begin(), section.bytes.end());
  }
}

/** Keeps the magic and makes the rest up. */
inline void makeUp(Random& random, File& file) {
  const std::size_t kept = std::min<std::size_t>(file.size(), random.below(30));
  file.resize(kept);
  for (std::size_t n = random.below(600); n > 0; n--)
    file.push_back(random.below(4) == 0 ? random.byte() : static_cast<u8>(random.below(4)));
}

inline void mutate(Random& random, File& file) {
  const std::size_t kind = random.below(16);
  if (kind == 0) return makeUp(random, file);
  const bool isWhole = kind < 7;
  if (isWhole) rebuild(random, file);
  for (std::size_t n = random.below(3) + (isWhole ? 0 : 1); n > 0; n--) switch (random.below(5)) {
      case 0: overwrite(random, file); break;
      case 1: flipBits(random, file); break;
      case 2: fillRange(random, file); break;
      case 3: cutOrGrow(random, file); break;
      default: moveRange(random, file); break;
    }
}

}  // namespace fuzz
}  // namespace assay
