// SPDX-License-Identifier: GPL-3.0-or-later
#include "pool.h"

#include <pthread.h>

namespace assay {

void nameThread(const char* name) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#else
  static_cast<void>(name);
#endif
}

Pool::Pool(unsigned threads) {
  for (unsigned i = 1; i < threads; i++) workers_.emplace_back([this] { loop(); });
}

Pool::~Pool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Pool::run(std::size_t units, void* context, Unit unit) {
  throwIfCancelled();
  if (units <= 1 || workers_.empty()) {
    for (std::size_t i = 0; i < units; i++) {
      unit(context, i);
      throwIfCancelled();
    }
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    unit_ = unit;
    context_ = context;
    units_ = units;
    next_.store(0, std::memory_order_relaxed);
    failure_ = nullptr;
    busy_ = workers_.size();
    round_++;
  }
  wake_.notify_all();
  work();
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this] { return busy_ == 0; });
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  throwIfCancelled();
}

void Pool::work() {
  for (;;) {
    const std::size_t unit = next_.fetch_add(1, std::memory_order_relaxed);
    if (unit >= units_ || cancelled_.load(std::memory_order_relaxed)) return;
    try {
      unit_(context_, unit);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (failure_ == nullptr) failure_ = std::current_exception();
      next_.store(units_, std::memory_order_relaxed);
      return;
    }
  }
}

void Pool::loop() {
  nameThread("assay-pool");
  std::size_t seen = 0;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return closing_ || round_ != seen; });
      if (closing_) return;
      seen = round_;
    }
    work();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--busy_ == 0) idle_.notify_one();
  }
}

}  // namespace assay
