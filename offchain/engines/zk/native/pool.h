// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace assay {

/** What `top -H` calls the calling thread; at most 15 letters. */
void nameThread(const char* name);

/** Thrown out of work whose pool was cancelled. */
struct Cancelled {};

/**
 * Threads that share work units. Units are taken one by one, so unequal ones spread by themselves; the calling thread works too. One
 * `run` at a time. Cancelling is seen between units: units should take milliseconds, not seconds.
 */
class Pool {
 public:
  using Unit = void (*)(void* context, std::size_t unit);

  explicit Pool(unsigned threads);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

  /** Calls unit(context, i) for every i below `units`, on any thread, and returns when all are done. Rethrows the first exception of a
   * unit; throws Cancelled if `cancel` came before the end. */
  void run(std::size_t units, void* context, Unit unit);

  /** From any thread. Stays until `reset`. */
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void reset() { cancelled_.store(false, std::memory_order_relaxed); }
  void throwIfCancelled() const {
    if (cancelled_.load(std::memory_order_relaxed)) throw Cancelled{};
  }

 private:
  void work();
  void loop();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::size_t round_ = 0;
  std::size_t busy_ = 0;
  bool closing_ = false;
  Unit unit_ = nullptr;
  void* context_ = nullptr;
  std::size_t units_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> cancelled_{false};
  std::exception_ptr failure_;
};

/** `Pool::run` with anything callable. */
template <class Work>
void parallel(Pool& pool, std::size_t units, Work&& work) {
  using Callable = std::remove_reference_t<Work>;
  pool.run(units, &work, [](void* context, std::size_t unit) { (*static_cast<Callable*>(context))(unit); });
}

}  // namespace assay
