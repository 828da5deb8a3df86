// SPDX-License-Identifier: GPL-3.0-or-later
#include "region.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace assay {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t pagesFor(std::size_t size) {
  static const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) & ~(page - 1);
}

}  // namespace

Region::Region(std::size_t size) {
  if (size == 0) return;
  if (size > std::size_t{1} << 46) throw std::bad_alloc();
  void* pages = mmap(nullptr, pagesFor(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<u8*>(pages);
  size_ = size;
#ifdef MADV_HUGEPAGE
  // Sums read points all over; a refusal costs speed only.
  if (size >= 2 * kHugePage) static_cast<void>(madvise(pages, pagesFor(size), MADV_HUGEPAGE));
#endif
}

Region::Region(Region&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Region& Region::operator=(Region&& other) noexcept {
  if (this == &other) return *this;
  if (data_ != nullptr) munmap(data_, pagesFor(size_));
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Region::~Region() {
  if (data_ != nullptr) munmap(data_, pagesFor(size_));
}

void Region::grow(std::size_t size) {
  if (size <= size_) return;
  if (data_ == nullptr) {
    *this = Region(size);
    return;
  }
  if (size > std::size_t{1} << 46) throw std::bad_alloc();
  if (pagesFor(size) != pagesFor(size_)) {
    void* pages = mremap(data_, pagesFor(size_), pagesFor(size), MREMAP_MAYMOVE);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<u8*>(pages);
  }
  size_ = size;
}

void Region::shrink(std::size_t size) {
  if (size >= size_) return;
  if (size == 0) {
    *this = Region();
    return;
  }
  const std::size_t keep = pagesFor(size), have = pagesFor(size_);
  if (keep < have) munmap(data_ + keep, have - keep);
  size_ = size;
}

void Region::seal() {
  if (data_ != nullptr) static_cast<void>(mprotect(data_, pagesFor(size_), PROT_READ));
}

void Region::hide() {
#ifdef MADV_DONTDUMP
  if (data_ != nullptr) static_cast<void>(madvise(data_, pagesFor(size_), MADV_DONTDUMP));
#endif
}

}  // namespace assay
