// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "bytes.h"

namespace assay {

/**
 * Pages of its own, zero at first: given back to the system at once when dropped, whatever the allocator keeps. Throws
 * std::bad_alloc.
 */
class Region {
 public:
  Region() = default;
  explicit Region(std::size_t size);
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  ~Region();

  u8* data() { return data_; }
  const u8* data() const { return data_; }
  std::size_t size() const { return size_; }
  Bytes bytes() const { return {data_, size_}; }
  /** Adds zeros behind; pages may move, but nothing is copied. Throws std::bad_alloc. */
  void grow(std::size_t size);
  /** Gives the pages behind `size` back. */
  void shrink(std::size_t size);
  /** From now on nothing can write to it, by accident or not. */
  void seal();
  /** Keeps the pages out of core dumps. */
  void hide();

 private:
  u8* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace assay
