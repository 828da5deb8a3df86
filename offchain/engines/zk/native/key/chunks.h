// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <algorithm>
#include <vector>
#include "source.h"

namespace assay {

/**
 * Calls visit(item, index) for `count` items of `size` bytes from `at` on, reading some hundred kilobytes at a time.
 */
template <class Visit>
void forEachItem(Source& source, u64 at, u64 count, std::size_t size, Visit&& visit) {
  constexpr std::size_t chunkBytes = std::size_t{1} << 18;
  const u64 most = chunkBytes / size;
  std::vector<u8> chunk(static_cast<std::size_t>(std::min(most, count)) * size);
  for (u64 from = 0; from < count; from += most) {
    const std::size_t items = static_cast<std::size_t>(std::min(most, count - from));
    source.read(at + from * size, chunk.data(), items * size);
    for (std::size_t i = 0; i < items; i++) visit(chunk.data() + i * size, from + i);
  }
}

}  // namespace assay
