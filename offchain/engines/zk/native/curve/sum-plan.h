// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../kernels.h"
#include "list-sums.h"

namespace assay {
namespace ASSAY_ISA {

/** Terms whose scalars have about the same length, cut into windows of `width` bits: scalar = Σ digit·2^(width·window). */
struct TermClass {
  /** Of a scalar's magnitude. */
  unsigned bits = 0;
  unsigned width = 0;
  unsigned windows = 0;
  /** 64-bit words kept of each scalar. */
  unsigned words = 0;
  std::size_t count = 0;
  /** Point's place · 2, + 1 for a negative scalar. */
  Buffer<u32> references;
  /** Magnitudes, shifted so that every digit but the last is a window's bits less half the window's range. */
  Buffer<u64> scalars;

  /** Digits are −buckets … buckets. */
  u32 buckets() const { return 1u << (width - 1); }
  /** Digit of one window, sign and all: no digit needs its neighbours. */
  ASSAY_INLINE i32 digit(std::size_t term, unsigned window) const {
    const u64* scalar = &scalars[term * words];
    const unsigned bit = window * width;
    const unsigned word = bit / 64;
    const unsigned offset = bit % 64;
    u64 value = scalar[word] >> offset;
    if (offset + width > 64 && word + 1 < words) value |= scalar[word + 1] << (64 - offset);
    const u64 low = value & ((u64{1} << width) - 1);
    return static_cast<i32>(low) - (window + 1 < windows ? static_cast<i32>(buckets()) : 0);
  }
};

/**
 * Terms of a sum of multiples, sorted by the length of their scalars. What wires of a network hold is mostly 0, 1, bytes and small negative
 * numbers: 0 is left out, s above r/2 becomes −(r − s), and each class gets the window width that is cheapest for its own length and size.
 */
class Plan {
 public:
  static constexpr unsigned kClasses = 6;
  static constexpr unsigned kBits[kClasses] = {1, 8, 16, 32, 64, 253};

  Plan(Pool& pool, const SumTerms& terms) {
    const std::size_t chunks = (terms.count + kChunk - 1) / kChunk;
    Buffer<u8> classOf(terms.count);
    Buffer<std::size_t> counts(chunks * kClasses);
    counts.fillZero();
    parallel(pool, chunks, [&](std::size_t chunk) {
      forEach(terms, chunk, [&](std::size_t i, const Limbs& scalar) {
        Limbs magnitude = scalar;
        const bool negative = toMagnitude(magnitude);
        const unsigned found = classFor(magnitude);
        classOf[i] = static_cast<u8>(found | (negative ? kNegative : 0));
        if (found < kClasses) counts[chunk * kClasses + found]++;
      });
    });
    for (unsigned k = 0; k < kClasses; k++) {
      TermClass& terms_ = classes[k];
      for (std::size_t chunk = 0; chunk < chunks; chunk++) {
        const std::size_t own = counts[chunk * kClasses + k];
        counts[chunk * kClasses + k] = terms_.count;
        terms_.count += own;
      }
      if (terms_.count > 0) shape(terms_, kBits[k]);
    }
    parallel(pool, chunks, [&](std::size_t chunk) {
      std::size_t* next = &counts[chunk * kClasses];
      forEach(terms, chunk, [&](std::size_t i, const Limbs& scalar) {
        const unsigned found = classOf[i] & ~kNegative;
        if (found >= kClasses) return;
        Limbs magnitude = scalar;
        toMagnitude(magnitude);
        put(classes[found], next[found]++, place(terms.pointOf, i), magnitude, (classOf[i] & kNegative) != 0);
      });
    });
  }
  ~Plan() {
    // Scalars are the witness.
    for (TermClass& terms : classes) {
      if (terms.scalars.size() == 0) continue;
      std::memset(terms.scalars.data(), 0, terms.scalars.size() * sizeof(u64));
      __asm__ volatile("" : : "r"(terms.scalars.data()) : "memory");
    }
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  TermClass classes[kClasses];

 private:
  static constexpr std::size_t kChunk = 8192;
  static constexpr u8 kNegative = 0x80;

  static ASSAY_INLINE std::size_t place(const u32* places, std::size_t i) { return places == nullptr ? i : places[i]; }

  template <class Visit>
  static void forEach(const SumTerms& terms, std::size_t chunk, Visit&& visit) {
    const std::size_t end = (chunk + 1) * kChunk < terms.count ? (chunk + 1) * kChunk : terms.count;
    for (std::size_t i = chunk * kChunk; i < end; i++) {
      Limbs scalar;
      std::memcpy(scalar.limb, terms.scalars + 32 * place(terms.scalarOf, i), 32);
      visit(i, scalar);
    }
  }
  /** s → r − s where that is shorter, which is where s is above r/2. */
  static ASSAY_INLINE bool toMagnitude(Limbs& scalar) {
    constexpr Limbs r = ScalarModulus::value;
    // Compared by the top word alone: near r/2 either choice has at most 253 bits.
    if (scalar.limb[3] <= r.limb[3] / 2) return false;
    u64 borrow = 0;
    for (int i = 0; i < 4; i++) {
      const u128 word = static_cast<u128>(r.limb[i]) - scalar.limb[i] - borrow;
      scalar.limb[i] = static_cast<u64>(word);
      borrow = static_cast<u64>(word >> 64) & 1;
    }
    return true;
  }
  /** kClasses for 0. */
  static ASSAY_INLINE unsigned classFor(const Limbs& magnitude) {
    if ((magnitude.limb[1] | magnitude.limb[2] | magnitude.limb[3]) != 0) return kClasses - 1;
    const u64 low = magnitude.limb[0];
    if (low == 0) return kClasses;
    unsigned found = 0;
    while (kBits[found] < 64 && low >> kBits[found] != 0) found++;
    return found;
  }

  static void shape(TermClass& terms, unsigned bits) {
    terms.bits = bits;
    terms.words = bits <= 64 ? 1 : 4;
    double least = 0;
    for (unsigned width = 2; width <= 17; width++) {
      const unsigned windows = (bits + width) / width;
      // A bucket's own sum is in the terms; weighing it costs about two more additions.
      const double cost = windows * (static_cast<double>(terms.count) + 2.2 * static_cast<double>(1u << (width - 1)));
      if (terms.width != 0 && cost >= least) continue;
      terms.width = width;
      terms.windows = windows;
      least = cost;
    }
    // The shift may carry beyond the magnitude's own words.
    if (terms.windows * terms.width > 64 * terms.words) terms.words++;
    terms.references.allocate(terms.count);
    terms.scalars.allocate(terms.count * terms.words);
  }
  static ASSAY_INLINE void put(TermClass& terms, std::size_t at, std::size_t point, const Limbs& magnitude, bool negative) {
    terms.references[at] = static_cast<u32>(point << 1) | (negative ? 1 : 0);
    u64* target = &terms.scalars[at * terms.words];
    for (unsigned i = 0; i < terms.words; i++) target[i] = i < 4 ? magnitude.limb[i] : 0;
    for (unsigned window = 0; window + 1 < terms.windows; window++) {
      const unsigned bit = window * terms.width + terms.width - 1;
      u64 add = u64{1} << (bit % 64);
      for (unsigned i = bit / 64; add != 0 && i < terms.words; i++) {
        const u64 before = target[i];
        target[i] += add;
        add = target[i] < before ? 1 : 0;
      }
    }
  }
};

}  // namespace ASSAY_ISA
}  // namespace assay
