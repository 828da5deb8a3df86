// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <cstdlib>
#include <new>
#include "isa.h"

namespace assay {
namespace ASSAY_ISA {

/** `count` elements of plain data, not initialised, on a cache line's boundary. Throws std::bad_alloc. */
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count) { allocate(count); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(other.data_), count_(other.count_) {
    other.data_ = nullptr;
    other.count_ = 0;
  }
  Buffer& operator=(Buffer&& other) noexcept {
    std::free(data_);
    data_ = other.data_;
    count_ = other.count_;
    other.data_ = nullptr;
    other.count_ = 0;
    return *this;
  }
  ~Buffer() { std::free(data_); }

  void allocate(std::size_t count) {
    std::free(data_);
    data_ = nullptr;
    count_ = count;
    if (count == 0) return;
    if (count > (std::size_t{1} << 46) / sizeof(T)) throw std::bad_alloc();
    data_ = static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) & ~std::size_t{63}));
    if (data_ == nullptr) throw std::bad_alloc();
  }
  void fillZero() {
    if (count_ > 0) std::memset(static_cast<void*>(data_), 0, count_ * sizeof(T));
  }
  std::size_t size() const { return count_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace ASSAY_ISA
}  // namespace assay
