// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "sum-plan.h"

namespace assay {
namespace ASSAY_ISA {

/**
 * Σ scalar·point by Pippenger's buckets. A window's points are sorted into buckets by digit; Σ digit·bucket is taken without doubling: rows
 * and columns of the digits' low and high halves, then for each bit the sum of those that have it. So every step is a sum of lists
 * (`ListSums`), and only one chain of doublings, over single bits, remains for the whole sum.
 */
template <class F>
class MultiSum {
 public:
  static Affine<F> evaluate(Pool& pool, const Plan& plan, const u8* points) {
    MultiSum sum(pool, plan, points);
    return sum.run();
  }

 private:
  /** Windows `window` … of a class over some of its terms. */
  struct Unit {
    const TermClass* terms;
    unsigned window, windows;
    std::size_t from, count;
    Affine<F>* bits;
  };
  static constexpr unsigned kMaxBits = 288;
  /** Terms times windows that fill a unit's blocks. */
  static constexpr std::size_t kUnitTerms = 16384;

  MultiSum(Pool& pool, const Plan& plan, const u8* points) : pool_(pool), points_(points) {
    std::size_t bits = 0;
    std::size_t units = 0;
    for (const bool counting : {true, false}) {
      if (!counting) {
        units_.allocate(units);
        bits_.allocate(bits);
      }
      units = bits = 0;
      // Longest scalars first, so that the last units are small ones.
      for (unsigned k = Plan::kClasses; k-- > 0;) {
        const TermClass& terms = plan.classes[k];
        if (terms.count == 0) continue;
        const unsigned together = windowsTogether(terms);
        const std::size_t chunks = chunksOf(terms, together);
        for (unsigned window = 0; window < terms.windows; window += together)
          for (std::size_t chunk = 0; chunk < chunks; chunk++) {
            const unsigned windows = window + together > terms.windows ? terms.windows - window : together;
            const std::size_t from = terms.count * chunk / chunks;
            if (!counting)
              units_[units] = {&terms, window, windows, from, terms.count * (chunk + 1) / chunks - from, &bits_[bits]};
            units++;
            bits += static_cast<std::size_t>(windows) * terms.width;
          }
      }
    }
  }

  static unsigned windowsTogether(const TermClass& terms) {
    const std::size_t fitting = kUnitTerms / terms.count;
    return fitting < 1 ? 1 : fitting > terms.windows ? terms.windows : static_cast<unsigned>(fitting);
  }
  std::size_t chunksOf(const TermClass& terms, unsigned together) const {
    const std::size_t wanted = 2 * pool_.threads() * together / terms.windows + 1;
    const std::size_t most = 1 + terms.count / (kUnitTerms + 8 * std::size_t{terms.buckets()});
    return wanted < most ? wanted : most;
  }

  Affine<F> run() {
    // As many workers as threads, each with its own buffers, taking units off one counter.
    std::size_t next = 0;
    const std::size_t workers = pool_.threads() < units_.size() ? pool_.threads() : units_.size();
    parallel(pool_, workers, [&](std::size_t) {
      Worker worker(points_);
      for (;;) {
        const std::size_t unit = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
        if (unit >= units_.size()) return;
        pool_.throwIfCancelled();
        worker.run(units_[unit]);
      }
    });
    Buffer<Extended<F>> byBit(kMaxBits);
    for (unsigned bit = 0; bit < kMaxBits; bit++) byBit[bit] = Extended<F>::infinity();
    unsigned top = 0;
    for (std::size_t i = 0; i < units_.size(); i++) {
      const Unit& unit = units_[i];
      const unsigned first = unit.window * unit.terms->width;
      const unsigned count = unit.windows * unit.terms->width;
      for (unsigned bit = 0; bit < count; bit++) byBit[first + bit] += unit.bits[bit];
      if (first + count > top) top = first + count;
    }
    Extended<F> sum = Extended<F>::infinity();
    for (unsigned bit = top; bit-- > 0;) {
      sum = sum.doubled();
      sum += byBit[bit];
    }
    return sum.toAffine();
  }

  /** One thread's buffers. */
  class Worker {
   public:
    explicit Worker(const u8* points) : points_(points) {}

    /** Writes, for each window, the points whose sum weighted by powers of two is the window's share. */
    void run(const Unit& unit) {
      const TermClass& terms = *unit.terms;
      const u32 buckets = terms.buckets();
      sortIntoBuckets(unit);
      const std::size_t all = static_cast<std::size_t>(unit.windows) * buckets;
      grow(sums_, all);
      lists_.sum(points_, {references_.data(), offsets_.data(), all}, sums_.data());
      const unsigned low = terms.width / 2;
      const u32 columns = 1u << low;
      const u32 rows = (buckets >> low) + 1;
      foldBuckets(unit.windows, buckets, low);
      // Of each window: columns 1 …, then rows 1 ….
      const std::size_t each = columns - 1 + rows - 1;
      grow(folded_, unit.windows * each);
      lists_.sum(reinterpret_cast<const u8*>(sums_.data()), {references_.data(), offsets_.data(), unit.windows * each},
                 folded_.data());
      listBits(unit.windows, terms.width, low, columns, rows);
      const std::size_t bits = static_cast<std::size_t>(unit.windows) * terms.width;
      lists_.sum(reinterpret_cast<const u8*>(folded_.data()), {references_.data(), offsets_.data(), bits}, unit.bits);
    }

   private:
    template <class T>
    static void grow(Buffer<T>& buffer, std::size_t count) {
      if (buffer.size() < count) buffer.allocate(count);
    }

    void sortIntoBuckets(const Unit& unit) {
      const TermClass& terms = *unit.terms;
      const u32 buckets = terms.buckets();
      const std::size_t lists = static_cast<std::size_t>(unit.windows) * buckets;
      grow(offsets_, lists + 2);
      grow(references_, unit.windows * unit.count);
      grow(keys_, unit.windows * unit.count);
      // offsets_[list + 2] counts; after the sums offsets_[list + 1] is where the list's next reference goes.
      std::memset(offsets_.data(), 0, (lists + 2) * sizeof(u32));
      std::size_t at = 0;
      for (unsigned window = 0; window < unit.windows; window++)
        for (std::size_t i = 0; i < unit.count; i++) {
          const i32 digit = terms.digit(unit.from + i, unit.window + window);
          const u32 size = static_cast<u32>(digit < 0 ? -digit : digit);
          const u32 key = size == 0 ? 0 : (window * buckets + size) << 1 | (digit < 0 ? 1 : 0);
          keys_[at++] = key;
          if (key != 0) offsets_[(key >> 1) + 1]++;
        }
      for (std::size_t list = 1; list < lists + 2; list++) offsets_[list] += offsets_[list - 1];
      at = 0;
      for (unsigned window = 0; window < unit.windows; window++)
        for (std::size_t i = 0; i < unit.count; i++) {
          const u32 key = keys_[at++];
          if (key != 0) references_[offsets_[key >> 1]++] = terms.references[unit.from + i] ^ (key & 1);
        }
    }

    /** Lists of buckets by the low half of their digit, then by the high half. Empty ones are left out. */
    void foldBuckets(unsigned windows, u32 buckets, unsigned low) {
      const u32 columns = 1u << low;
      const u32 rows = (buckets >> low) + 1;
      const std::size_t all = static_cast<std::size_t>(windows) * buckets;
      grow(filled_, all);
      for (std::size_t list = 0; list < all; list++) filled_[list] = offsets_[list] != offsets_[list + 1];
      Writer writer(*this, windows * static_cast<std::size_t>(columns + rows), 2 * all);
      for (unsigned window = 0; window < windows; window++) {
        const u32 first = window * buckets;
        const auto add = [&](u32 digit) {
          if (digit >= 1 && digit <= buckets && filled_[first + digit - 1]) writer.add(first + digit - 1);
        };
        for (u32 column = 1; column < columns; column++) {
          for (u32 row = 0; row < rows; row++) add(row << low | column);
          writer.close();
        }
        for (u32 row = 1; row < rows; row++) {
          for (u32 column = 0; column < columns; column++) add(row << low | column);
          writer.close();
        }
      }
    }

    /** Lists of columns and rows by the bits of their number. */
    void listBits(unsigned windows, unsigned width, unsigned low, u32 columns, u32 rows) {
      const u32 each = columns - 1 + rows - 1;
      grow(filled_, static_cast<std::size_t>(windows) * each);
      for (std::size_t list = 0; list < static_cast<std::size_t>(windows) * each; list++)
        filled_[list] = offsets_[list] != offsets_[list + 1];
      Writer writer(*this, windows * static_cast<std::size_t>(width), windows * static_cast<std::size_t>(each) * width);
      for (unsigned window = 0; window < windows; window++)
        for (unsigned bit = 0; bit < width; bit++) {
          const bool high = bit >= low;
          const u32 first = window * each + (high ? columns - 1 : 0);
          const u32 end = high ? rows : columns;
          for (u32 number = 1; number < end; number++)
            if (((number >> (high ? bit - low : bit)) & 1) != 0 && filled_[first + number - 1]) writer.add(first + number - 1);
          writer.close();
        }
    }

    /** Appends lists to references_ and offsets_. */
    class Writer {
     public:
      Writer(Worker& worker, std::size_t lists, std::size_t references) : worker_(worker) {
        grow(worker.offsets_, lists + 1);
        grow(worker.references_, references);
        worker.offsets_[0] = 0;
      }
      ASSAY_INLINE void add(u32 place) { worker_.references_[used_++] = place << 1; }
      void close() { worker_.offsets_[++lists_] = used_; }

     private:
      Worker& worker_;
      std::size_t lists_ = 0;
      u32 used_ = 0;
    };

    const u8* points_;
    ListSums<F> lists_;
    Buffer<u32> references_, offsets_, keys_;
    Buffer<u8> filled_;
    Buffer<Affine<F>> sums_, folded_;
  };

  Pool& pool_;
  const u8* points_;
  Buffer<Unit> units_;
  Buffer<Affine<F>> bits_;
};

}  // namespace ASSAY_ISA
}  // namespace assay
