// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../buffer.h"
#include "../pool.h"
#include "butterfly.h"

namespace assay {
namespace ASSAY_ISA {

/** Twiddles of all levels: w[stride + j] = root(2·stride)^j for j < stride, each power of two stride below size. */
template <class B>
class Twiddles {
 public:
  using Twiddle = typename B::Twiddle;

  /** `root` has order `size`; `form` turns an element into a twiddle. */
  template <class Form>
  void fill(Pool& pool, std::size_t size, const Fr& root, Form&& form) {
    values_.allocate(size < 2 ? 2 : size);
    const std::size_t half = size / 2;
    constexpr std::size_t kChunk = 2048;
    parallel(pool, (half + kChunk - 1) / kChunk, [&](std::size_t chunk) {
      const std::size_t from = chunk * kChunk;
      const std::size_t end = from + kChunk < half ? from + kChunk : half;
      Fr power = root.power({{from, 0, 0, 0}});
      for (std::size_t j = from; j < end; j++) {
        values_[half + j] = form(power);
        power = power * root;
      }
    });
    for (std::size_t stride = half / 2; stride >= 1; stride /= 2)
      for (std::size_t j = 0; j < stride; j++) values_[stride + j] = values_[2 * stride + 2 * j];
  }
  ASSAY_INLINE const Twiddle* of(std::size_t stride) const { return &values_[stride]; }

 private:
  Buffer<Twiddle> values_;
};

/**
 * Transforms of `size` elements in memory, level by level until blocks fit into the second-level cache, then block by block. The levels
 * over the whole array are spread over threads by position, blocks one by one.
 */
template <class B>
class Columns {
 public:
  using Element = typename B::Element;

  static std::size_t blockOf(std::size_t size) { return size < B::kBlock ? size : B::kBlock; }

  /** All levels whose stride is at least a block, of `count` arrays. */
  static void splitWhole(Pool& pool, Element* const* arrays, std::size_t count, std::size_t size, const Twiddles<B>& twiddles) {
    const std::size_t block = blockOf(size);
    std::size_t stride = size / 2;
    while (2 * stride > block) {
      const bool two = stride > block;
      const std::size_t quarter = two ? stride / 2 : stride;
      spread(pool, count, size / (two ? 4 : 2), [&](std::size_t array, std::size_t from, std::size_t end) {
        if (two)
          splitFour(arrays[array], quarter, from, end, twiddles);
        else
          splitTwo(arrays[array], quarter, from, end, twiddles);
      });
      stride = quarter / 2;
    }
  }
  /** The levels within a block. */
  static void splitBlock(Element* block, std::size_t size, const Twiddles<B>& twiddles) {
    std::size_t stride = size / 2;
    for (; stride >= 2; stride /= 4) splitFour(block, stride / 2, 0, size / 4, twiddles);
    if (stride == 1) splitTwo(block, 1, 0, size / 2, twiddles);
  }
  /** Undoes the order of `splitBlock`, with its own twiddles. */
  static void joinBlock(Element* block, std::size_t size, const Twiddles<B>& twiddles) {
    std::size_t stride = 1;
    if ((log2(size) & 1) != 0) {
      joinTwo(block, 1, 0, size / 2, twiddles);
      stride = 2;
    }
    for (; stride < size; stride *= 4) joinFour(block, stride, 0, size / 4, twiddles);
  }
  static void joinWhole(Pool& pool, Element* const* arrays, std::size_t count, std::size_t size, const Twiddles<B>& twiddles) {
    std::size_t stride = blockOf(size);
    while (stride < size) {
      const bool two = 2 * stride < size;
      spread(pool, count, size / (two ? 4 : 2), [&](std::size_t array, std::size_t from, std::size_t end) {
        if (two)
          joinFour(arrays[array], stride, from, end, twiddles);
        else
          joinTwo(arrays[array], stride, from, end, twiddles);
      });
      stride *= two ? 4 : 2;
    }
  }

  static unsigned log2(std::size_t size) {
    unsigned log = 0;
    while ((std::size_t{1} << log) < size) log++;
    return log;
  }

 private:
  template <class Work>
  static void spread(Pool& pool, std::size_t arrays, std::size_t butterflies, Work&& work) {
    constexpr std::size_t kChunk = 1024;
    const std::size_t chunks = (butterflies + kChunk - 1) / kChunk;
    parallel(pool, arrays * chunks, [&](std::size_t unit) {
      const std::size_t from = unit % chunks * kChunk;
      work(unit / chunks, from, from + kChunk < butterflies ? from + kChunk : butterflies);
    });
  }

  /** Butterflies `from` … `end`: each of stride·(2 or 4) elements in a row has `stride` of them. */
  template <class Visit>
  static ASSAY_INLINE void each(std::size_t stride, std::size_t width, std::size_t from, std::size_t end, Visit&& visit) {
    for (std::size_t i = from; i < end;) {
      const std::size_t j = i & (stride - 1);
      const std::size_t group = (i - j) * width;
      const std::size_t run = stride - j < end - i ? stride - j : end - i;
      for (std::size_t k = 0; k < run; k++) visit(group + j + k, j + k);
      i += run;
    }
  }
  static void splitTwo(Element* a, std::size_t stride, std::size_t from, std::size_t end, const Twiddles<B>& twiddles) {
    const auto* w = twiddles.of(stride);
    each(stride, 2, from, end, [&](std::size_t at, std::size_t j) { B::split(a[at], a[at + stride], w[j]); });
  }
  static void joinTwo(Element* a, std::size_t stride, std::size_t from, std::size_t end, const Twiddles<B>& twiddles) {
    const auto* w = twiddles.of(stride);
    each(stride, 2, from, end, [&](std::size_t at, std::size_t j) { B::join(a[at], a[at + stride], w[j]); });
  }
  /** Levels of stride 2·quarter and quarter. */
  static void splitFour(Element* a, std::size_t quarter, std::size_t from, std::size_t end, const Twiddles<B>& twiddles) {
    const auto* w = twiddles.of(2 * quarter);
    const auto* w2 = twiddles.of(quarter);
    each(quarter, 4, from, end, [&](std::size_t at, std::size_t j) {
      B::split(a[at], a[at + quarter], a[at + 2 * quarter], a[at + 3 * quarter], w[j], w[quarter + j], w2[j]);
    });
  }
  static void joinFour(Element* a, std::size_t quarter, std::size_t from, std::size_t end, const Twiddles<B>& twiddles) {
    const auto* w = twiddles.of(2 * quarter);
    const auto* w2 = twiddles.of(quarter);
    each(quarter, 4, from, end, [&](std::size_t at, std::size_t j) {
      B::join(a[at], a[at + quarter], a[at + 2 * quarter], a[at + 3 * quarter], w[j], w[quarter + j], w2[j]);
    });
  }
};

}  // namespace ASSAY_ISA
}  // namespace assay
