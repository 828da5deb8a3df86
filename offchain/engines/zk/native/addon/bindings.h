// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <node_api.h>

namespace assay {
namespace addon {

// Each puts its functions on the addon's object.
void bindSessions(napi_env env, napi_value exports);
void bindProver(napi_env env, napi_value exports);
void bindSetup(napi_env env, napi_value exports);
void bindKernels(napi_env env, napi_value exports);
void bindVerify(napi_env env, napi_value exports);

}  // namespace addon
}  // namespace assay
