// SPDX-License-Identifier: GPL-3.0-or-later
#include "environment.h"

#include <cstdlib>
#include "call.h"
#include "session.h"

namespace assay {
namespace addon {
namespace {

/** Of all environments of the process. Never destroyed: threads may look at it until the very end. */
struct Registry {
  std::mutex mutex;
  std::set<Environment*> open;
  bool watchesExit = false;
};

Registry& registry() {
  static Registry* const made = new Registry;
  return *made;
}

void dropInstance(napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Environment>*>(data); }

}  // namespace

void Environment::open(napi_env env) {
  std::shared_ptr<Environment> made(new Environment(env));
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, textValue(env, "assay.prover"), 0, 1, nullptr,
                                             nullptr, made.get(), arrive, &made->channel_));
  check(env, napi_unref_threadsafe_function(env, made->channel_));
  check(env, napi_set_instance_data(env, new std::shared_ptr<Environment>(made), dropInstance, nullptr));
  // Hooks run in reverse order: this one before the channel's own.
  check(env, napi_add_env_cleanup_hook(env, close, made.get()));
  const std::lock_guard<std::mutex> lock(registry().mutex);
  registry().open.insert(made.get());
  // `process.exit` runs no hooks on the main thread, but destructors that threads must not outlive.
  if (!registry().watchesExit) registry().watchesExit = std::atexit(closeAll) == 0;
}

std::shared_ptr<Environment> Environment::of(napi_env env) {
  void* data = nullptr;
  check(env, napi_get_instance_data(env, &data));
  return *static_cast<std::shared_ptr<Environment>*>(data);
}

Environment::~Environment() = default;

void Environment::close(void* environment) {
  Environment* const closing = static_cast<Environment*>(environment);
  {
    const std::lock_guard<std::mutex> lock(registry().mutex);
    registry().open.erase(closing);
  }
  closing->closeSessions();
}

void Environment::closeAll() {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  for (Environment* environment : registry().open) environment->closeSessions();
}

void Environment::closeSessions() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Session* session : sessions_) session->close();
  for (Session* session : sessions_) session->join();
}

void Environment::add(Session* session) {
  const std::lock_guard<std::mutex> lock(mutex_);
  sessions_.insert(session);
}

void Environment::remove(Session* session) {
  const std::lock_guard<std::mutex> lock(mutex_);
  sessions_.erase(session);
}

void Environment::post(std::unique_ptr<Notice> notice) {
  // The queue has no bound, so this fails only when JavaScript is ending; the notice is dropped then.
  if (napi_call_threadsafe_function(channel_, notice.get(), napi_tsfn_nonblocking) == napi_ok) notice.release();
}

void Environment::hold() {
  if (held_++ == 0) check(env_, napi_ref_threadsafe_function(env_, channel_));
}

void Environment::release() {
  if (--held_ == 0) check(env_, napi_unref_threadsafe_function(env_, channel_));
}

void Environment::arrive(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Notice> notice(static_cast<Notice*>(data));
  if (env == nullptr) return;
  try {
    notice->arrive(env);
  } catch (const Pending&) {
    // Left alone, Node would swallow it with a warning.
    napi_value thrown = nullptr;
    if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
  } catch (...) {
    napi_throw_error(env, "PROVER_CRASHED", "the native prover could not answer");
  }
}

}  // namespace addon
}  // namespace assay
