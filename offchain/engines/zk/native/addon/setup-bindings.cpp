// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstring>
#include "../setup.h"
#include "bindings.h"
#include "session.h"

namespace assay {
namespace addon {
namespace {

constexpr u64 kMostWires = 0xffffffff;

class SetupTask final : public Task {
 public:
  SetupTask(Region&& r1cs, WireRange weights, WireRange round1, const std::vector<u8>& trapdoor)
      : r1cs_(std::move(r1cs)), weights_(weights), round1_(round1) {
    static_assert(sizeof(Trapdoor) == 6 * kScalarBytes, "six scalars, one after the other");
    std::memcpy(&trapdoor_, trapdoor.data(), sizeof(Trapdoor));
  }

  void work(Session& session) override {
    key_ = makeDevelopmentKey(session.kernels(), session.pool(), r1cs_.bytes(), weights_, round1_, trapdoor_,
                              [&](SetupStep step, double done) {
                                report(session, step == SetupStep::evaluate ? "evaluate" : "multiply", done);
                              });
    r1cs_ = Region();
  }

  napi_value result(napi_env env, Session&) override {
    napi_value object = nullptr;
    check(env, napi_create_object(env, &object));
    setProperty(env, object, "zkey", regionValue(env, std::move(key_.zkey)));
    setProperty(env, object, "groups", regionValue(env, std::move(key_.groups)));
    return object;
  }

 private:
  Region r1cs_;
  WireRange weights_;
  WireRange round1_;
  Trapdoor trapdoor_;
  DevelopmentKey key_;
};

/**
 * developmentKey(session, r1cs, weightsFrom, weightsCount, round1From, round1Count, trapdoor, listener): a promise of { zkey, groups }, the
 * files' bytes. The trapdoor is τ, α, β, δ1, δ2, δw, 32 bytes each.
 */
napi_value developmentKey(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = Session::of(arguments, 0);
  const auto wire = [&](std::size_t index, const char* name) {
    return static_cast<u32>(arguments.number(index, name, 0, kMostWires));
  };
  const WireRange weights = {wire(2, "weightsFrom"), wire(3, "weightsCount")};
  const WireRange round1 = {wire(4, "round1From"), wire(5, "round1Count")};
  const std::vector<u8> trapdoor = arguments.bytes(6, "trapdoor");
  if (trapdoor.size() != sizeof(Trapdoor)) arguments.refuse("trapdoor", "192 bytes");
  for (std::size_t at = 0; at < trapdoor.size(); at += kScalarBytes)
    if (!isBelow(trapdoor.data() + at, kScalarModulus)) arguments.refuse("trapdoor", "of scalars below r");
  const napi_value listener = arguments.function(7, "listener");
  std::unique_ptr<Task> task(new SetupTask(arguments.region(1, "r1cs"), weights, round1, trapdoor));
  return session.start(env, arguments.at(0), std::move(task), listener);
}

}  // namespace

void bindSetup(napi_env env, napi_value exports) {
  setFunction(env, exports, "developmentKey", entry<developmentKey>);
}

}  // namespace addon
}  // namespace assay
