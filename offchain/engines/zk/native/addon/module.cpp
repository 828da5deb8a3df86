// SPDX-License-Identifier: GPL-3.0-or-later
#include "bindings.h"
#include "call.h"
#include "environment.h"

NAPI_MODULE_INIT() {
  using namespace assay::addon;
  try {
    Environment::open(env);
    bindSessions(env, exports);
    bindProver(env, exports);
    bindSetup(env, exports);
    bindKernels(env, exports);
    bindVerify(env, exports);
    return exports;
  } catch (const Pending&) {
    return nullptr;
  } catch (...) {
    napi_throw_error(env, "PROVER_CRASHED", "the native prover could not start");
    return nullptr;
  }
}
