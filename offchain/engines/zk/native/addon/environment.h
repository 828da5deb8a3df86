// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <node_api.h>
#include <memory>
#include <mutex>
#include <set>

namespace assay {
namespace addon {

class Session;

/** Something that a thread has to tell JavaScript. */
class Notice {
 public:
  Notice() = default;
  Notice(const Notice&) = delete;
  Notice& operator=(const Notice&) = delete;
  virtual ~Notice() = default;
  /** On JavaScript's thread. May throw Pending. Not called if JavaScript has ended meanwhile. */
  virtual void arrive(napi_env env) = 0;
};

/**
 * What the addon keeps for one JavaScript environment, of which a process has several: the main thread's and each worker thread's. When one
 * ends, also in the midst of a proof, its sessions are cancelled and their threads joined before anything they use is gone.
 */
class Environment {
 public:
  /** Makes it at the environment's beginning. */
  static void open(napi_env env);
  static std::shared_ptr<Environment> of(napi_env env);
  ~Environment();

  /** From any thread: has the notice arrive, in order. */
  void post(std::unique_ptr<Notice> notice);

  /** On JavaScript's thread: between these the event loop stays alive. */
  void hold();
  void release();

  void add(Session* session);
  void remove(Session* session);

 private:
  explicit Environment(napi_env env) : env_(env) {}
  static void arrive(napi_env env, napi_value, void* context, void* data);
  static void close(void* environment);
  static void closeAll();
  void closeSessions();

  napi_env env_;
  napi_threadsafe_function channel_ = nullptr;
  unsigned held_ = 0;
  std::mutex mutex_;
  std::set<Session*> sessions_;
};

}  // namespace addon
}  // namespace assay
