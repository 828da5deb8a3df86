// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "columns.h"
#include "roots.h"
#include "rows.h"

namespace assay {
namespace ASSAY_ISA {

/** Roots of a domain of 2^log elements, one element at a time. */
class ScalarDomain {
 public:
  ScalarDomain(Pool& pool, unsigned log) : log_(log), size_(std::size_t{1} << log), shift_(size_) {
    const auto asItIs = [](const Fr& value) { return value; };
    const Fr root = rootOfUnity(log);
    forward_.fill(pool, size_, root, asItIs);
    inverse_.fill(pool, size_, root.inverse(), asItIs);
    eachPower(pool, size_, rootOfUnity(log + 1), Fr::of(size_).inverse(),
              [&](std::size_t k, const Fr& power) { shift_[reversedBits(k, log_)] = power; });
  }

  void quotient(Pool& pool, const Constraints& constraints, const u8* witness, u8* out) const {
    Buffer<Fr> values(3 * size_);
    Fr* const arrays[3] = {values.data(), values.data() + size_, values.data() + 2 * size_};
    const std::size_t chunk = size_ < kChunk ? size_ : kChunk;
    parallel(pool, size_ / chunk, [&](std::size_t unit) {
      for (std::size_t i = unit * chunk; i < (unit + 1) * chunk; i++) {
        arrays[0][i] = evaluateRow(constraints.a, constraints.constants, witness, i);
        arrays[1][i] = evaluateRow(constraints.b, constraints.constants, witness, i);
        arrays[2][i] = arrays[0][i] * arrays[1][i];
      }
    });
    toCoset(pool, arrays, 3);
    // Rows were plain, so products lack R: a·b/R − c/R, times R².
    constexpr Fr scale = Fr::fromLimbs(Fr::kR2);
    parallel(pool, size_ / chunk, [&](std::size_t unit) {
      for (std::size_t i = unit * chunk; i < (unit + 1) * chunk; i++)
        ((arrays[0][i] * arrays[1][i] - arrays[2][i]) * scale).store(out + 32 * i);
    });
    std::memset(static_cast<void*>(values.data()), 0, 3 * size_ * sizeof(Fr));
    __asm__ volatile("" : : "r"(values.data()) : "memory");
  }

 private:
  static constexpr std::size_t kChunk = 1024;

  /** From evaluations on the domain to evaluations on its odd coset. */
  void toCoset(Pool& pool, Fr* const* arrays, std::size_t count) const {
    using Transform = Columns<ScalarButterfly>;
    Transform::splitWhole(pool, arrays, count, size_, inverse_);
    const std::size_t block = Transform::blockOf(size_);
    const std::size_t blocks = size_ / block;
    parallel(pool, count * blocks, [&](std::size_t unit) {
      const std::size_t first = unit % blocks * block;
      Fr* values = arrays[unit / blocks] + first;
      Transform::splitBlock(values, block, inverse_);
      for (std::size_t i = 0; i < block; i++) ScalarButterfly::scale(values[i], shift_[first + i]);
      Transform::joinBlock(values, block, forward_);
    });
    Transform::joinWhole(pool, arrays, count, size_, forward_);
  }

  unsigned log_;
  std::size_t size_;
  Twiddles<ScalarButterfly> forward_, inverse_;
  /** Powers of the coset's generator over the size, in bit-reversed order. */
  Buffer<Fr> shift_;
};

}  // namespace ASSAY_ISA
}  // namespace assay
