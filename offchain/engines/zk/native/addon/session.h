// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include "../prove.h"
#include "call.h"
#include "environment.h"

namespace assay {
namespace addon {

class Session;

/** One call from JavaScript that a session's thread works on; JavaScript has a promise meanwhile. */
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  /** On the session's thread. Whatever it throws rejects the promise. */
  virtual void work(Session& session) = 0;
  /** On JavaScript's thread, after `work` went well: what the promise resolves to. */
  virtual napi_value result(napi_env env, Session& session) = 0;

 protected:
  /** On the session's thread: has JavaScript's listener called with `step` and `done`, if there is one. */
  void report(Session& session, const char* step, double done) const;

 private:
  friend class Session;
  friend class Settled;
  friend class Progress;

  /** Shared with the notices of its progress, which may arrive after all is over. */
  struct Caller {
    napi_deferred promise = nullptr;
    napi_ref listener = nullptr;
    /** Keeps the session's object alive. */
    napi_ref session = nullptr;
  };

  std::shared_ptr<Caller> caller_;
  std::exception_ptr failure_;
  /** Of tasks that wait; under the session's lock. */
  bool cancelled_ = false;
};

/**
 * A thread with its pool that does one task after another, and what lives as long: an opened key and the openings of commitments. JavaScript
 * holds it as an object. Closing cancels what is under way; the thread ends by itself.
 */
class Session {
 public:
  Session(std::shared_ptr<Environment> environment, const Kernels& kernels, unsigned threads);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /** The object that JavaScript holds. */
  static napi_value wrap(napi_env env, std::unique_ptr<Session> session);
  static Session& of(const Arguments& arguments, std::size_t index);

  /** On JavaScript's thread; returns the promise. `object` is the session's, `listener` may be null. Error: PROVER_CLOSED. */
  napi_value start(napi_env env, napi_value object, std::unique_ptr<Task> task, napi_value listener);
  /** Ends all tasks posted so far. */
  void cancel();
  /** Ends the thread as well, soon. */
  void close();
  /** Waits for the thread's end. */
  void join();
  /** Returns a promise of the thread's end, with everything freed. */
  napi_value closed(napi_env env, napi_value object);
  /** On JavaScript's thread. */
  bool isClosed() const { return isClosed_; }

  const Kernels& kernels() const { return kernels_; }
  /** For the session's thread. */
  Pool& pool() { return *pool_; }
  Environment& environment() { return *environment_; }

  /** Of the session's thread. */
  std::unique_ptr<const Key> key;
  std::unique_ptr<Prover> prover;

  /** Of JavaScript's thread: openings of commitments that were not spent, by number. */
  std::map<u32, Opening> openings;
  u32 nextOpening = 1;
  /** Of JavaScript's thread: whether a key was asked for, and once it is open the key, until the session is closed. */
  bool hasKey = false;
  const Key* opened = nullptr;

 private:
  friend class Settled;
  friend class Ended;

  void loop();

  std::shared_ptr<Environment> environment_;
  const Kernels& kernels_;
  /** Gone when the session's thread has ended. */
  std::unique_ptr<Pool> pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Task>> waiting_;
  bool isWorking_ = false;
  bool isClosing_ = false;
  /** Nobody is left to be told of the end. */
  bool isAbandoned_ = false;
  /** Of JavaScript's thread: promises of the end, and whether any was asked for. */
  bool isClosed_ = false;
  std::vector<napi_deferred> ends_;
  napi_ref endsObject_ = nullptr;
  bool hasEnded_ = false;
  std::thread thread_;
};

}  // namespace addon
}  // namespace assay
