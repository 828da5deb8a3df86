// SPDX-License-Identifier: GPL-3.0-or-later
#include "../cpu.h"
#include "../key/failure.h"
#include "bindings.h"
#include "session.h"

namespace assay {
namespace addon {
namespace {

constexpr u64 kMostThreads = 256;

/** openSession(path, threads): a thread and its pool, with the kernels of that name. */
napi_value openSession(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const std::string path = arguments.text(0, "path");
  const u64 threads = arguments.number(1, "threads", 1, kMostThreads);
  const Kernels* kernels = kernelsNamed(path.c_str());
  if (kernels == nullptr) arguments.refuse("path", "one that this machine runs");
  return Session::wrap(env, std::unique_ptr<Session>(new Session(Environment::of(env), *kernels,
                                                                 static_cast<unsigned>(threads))));
}

/** cancelSession(session): its promises so far reject with CANCELLED. */
napi_value cancelSession(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session::of(arguments, 0).cancel();
  return undefinedValue(env);
}

/** closeSession(session): cancels; a promise of the end of its threads and memory. */
napi_value closeSession(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  return Session::of(arguments, 0).closed(env, arguments.at(0));
}

}  // namespace

void bindSessions(napi_env env, napi_value exports) {
  setFunction(env, exports, "openSession", entry<openSession>);
  setFunction(env, exports, "cancelSession", entry<cancelSession>);
  setFunction(env, exports, "closeSession", entry<closeSession>);
}

}  // namespace addon
}  // namespace assay
