// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstring>
#include "../key/failure.h"
#include "bindings.h"
#include "session.h"

namespace assay {
namespace addon {
namespace {

constexpr u64 kMostMemory = u64{1} << 50;
constexpr u64 kMostNumber = 0xffffffff;
/** PROVE_STEPS of prover/prover.ts. */
const char* const kSteps[] = {"commit", "constraints", "transforms", "multiply", "check"};

/** A call that proves something with the session's key. */
class ProverTask : public Task {
 public:
  explicit ProverTask(Witness&& witness) : witness_(std::move(witness)) {}

 protected:
  Report reporter(Session& session) const {
    return [this, &session](Step step) { report(session, kSteps[static_cast<int>(step)], 0); };
  }

  Witness witness_;
};

class OpenTask final : public Task {
 public:
  OpenTask(std::string zkey, std::string groups, u64 memory)
      : zkey_(std::move(zkey)), groups_(std::move(groups)), memory_(memory) {}

  void work(Session& session) override {
    session.key = Key::open(session.kernels(), session.pool(), zkey_, groups_, memory_);
    session.prover.reset(new Prover(session.kernels(), session.pool(), *session.key));
  }

  napi_value result(napi_env env, Session& session) override {
    const Key& key = *session.key;
    session.opened = &key;
    const KeyHeader& header = key.header();
    napi_value object = nullptr, groups = nullptr;
    check(env, napi_create_object(env, &object));
    setProperty(env, object, "wires", numberValue(env, header.wires));
    setProperty(env, object, "publics", numberValue(env, header.publics));
    setProperty(env, object, "residentBytes", numberValue(env, static_cast<double>(key.residentBytes())));
    setProperty(env, object, "proofBytes", numberValue(env, static_cast<double>(key.proofBytes())));
    setProperty(env, object, "alpha1", bytesValue(env, header.alpha1, kG1Bytes));
    setProperty(env, object, "beta1", bytesValue(env, header.beta1, kG1Bytes));
    setProperty(env, object, "beta2", bytesValue(env, header.beta2, kG2Bytes));
    setProperty(env, object, "gamma2", bytesValue(env, header.gamma2, kG2Bytes));
    setProperty(env, object, "delta1", bytesValue(env, header.delta1, kG1Bytes));
    setProperty(env, object, "delta2", bytesValue(env, header.delta2, kG2Bytes));
    setProperty(env, object, "ic", bytesValue(env, key.ic().data(), key.ic().size()));
    check(env, napi_create_array(env, &groups));
    u32 count = 0;
    for (const KeyGroup& group : key.groups()) {
      napi_value one = nullptr;
      check(env, napi_create_object(env, &one));
      setProperty(env, one, "tag", numberValue(env, group.tag));
      setProperty(env, one, "delta1", bytesValue(env, group.delta1, kG1Bytes));
      setProperty(env, one, "delta2", bytesValue(env, group.delta2, kG2Bytes));
      check(env, napi_set_element(env, groups, count++, one));
    }
    setProperty(env, object, "groups", groups);
    return object;
  }

 private:
  std::string zkey_;
  std::string groups_;
  u64 memory_;
};

class CommitTask final : public ProverTask {
 public:
  using ProverTask::ProverTask;

  void work(Session& session) override {
    opening_ = session.prover->commit(std::move(witness_), reporter(session));
  }

  napi_value result(napi_env env, Session& session) override {
    napi_value object = nullptr;
    check(env, napi_create_object(env, &object));
    const u32 number = session.nextOpening++;
    setProperty(env, object, "number", numberValue(env, number));
    setProperty(env, object, "point", bytesValue(env, opening_.point, kG1Bytes));
    session.openings[number] = std::move(opening_);
    return object;
  }

 private:
  Opening opening_;
};

class CommitWeightsTask final : public ProverTask {
 public:
  CommitWeightsTask(Witness&& witness, Secret&& blind)
      : ProverTask(std::move(witness)), blind_(std::move(blind)) {}

  void work(Session& session) override {
    session.prover->commitWeights(std::move(witness_), {blind_.data(), blind_.size()}, point_, reporter(session));
  }

  napi_value result(napi_env env, Session&) override { return bytesValue(env, point_, kG1Bytes); }

 private:
  Secret blind_;
  u8 point_[kG1Bytes];
};

class FinishTask final : public ProverTask {
 public:
  FinishTask(Witness&& witness, Opening&& round1, std::unique_ptr<Opening> weights)
      : ProverTask(std::move(witness)), round1_(std::move(round1)), weights_(std::move(weights)) {}

  void work(Session& session) override {
    proof_ = session.prover->finish(std::move(witness_), round1_, weights_.get(), reporter(session));
  }

  napi_value result(napi_env env, Session&) override {
    napi_value object = nullptr;
    check(env, napi_create_object(env, &object));
    setProperty(env, object, "a", bytesValue(env, proof_.a, kG1Bytes));
    setProperty(env, object, "b", bytesValue(env, proof_.b, kG2Bytes));
    setProperty(env, object, "c1", bytesValue(env, proof_.c1, kG1Bytes));
    setProperty(env, object, "c2", bytesValue(env, proof_.c2, kG1Bytes));
    return object;
  }

 private:
  Opening round1_;
  std::unique_ptr<Opening> weights_;
  Proof proof_;
};

Secret secretOf(const Arguments& arguments, std::size_t index, const char* name) {
  const Bytes bytes = arguments.view(index, name);
  if (bytes.size != kScalarBytes) arguments.refuse(name, "32 bytes");
  Secret secret(kScalarBytes);
  std::memcpy(secret.data(), bytes.data, kScalarBytes);
  return secret;
}

Session& withKey(const Arguments& arguments) {
  Session& session = Session::of(arguments, 0);
  if (session.isClosed()) throw Failure("PROVER_CLOSED", "it was closed");
  if (session.opened == nullptr) arguments.refuse("session", "one whose key is open");
  return session;
}

/** openKey(session, zkey, groups, memory): a promise of what the key says of itself. */
napi_value openKey(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = Session::of(arguments, 0);
  if (session.hasKey) arguments.refuse("session", "one without a key");
  std::unique_ptr<Task> task(new OpenTask(arguments.text(1, "zkey"), arguments.text(2, "groups"),
                                          arguments.number(3, "memory", 0, kMostMemory)));
  session.hasKey = true;
  return session.start(env, arguments.at(0), std::move(task), nullptr);
}

/** commit(session, values, listener): a promise of { number, point }. */
napi_value commit(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = withKey(arguments);
  const napi_value listener = arguments.function(2, "listener");
  std::unique_ptr<Task> task(new CommitTask(Witness(*session.opened, arguments.view(1, "values"))));
  return session.start(env, arguments.at(0), std::move(task), listener);
}

/** commitWeights(session, values, blind, listener): a promise of the point. */
napi_value commitWeights(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = withKey(arguments);
  const napi_value listener = arguments.function(3, "listener");
  Secret blind = secretOf(arguments, 2, "blind");
  std::unique_ptr<Task> task(
      new CommitWeightsTask(Witness(*session.opened, arguments.view(1, "values")), std::move(blind)));
  return session.start(env, arguments.at(0), std::move(task), listener);
}

/**
 * What opens the commitment of this number, which is spent thereby. Keys that commit to nothing have number 0 for it. Error:
 * COMMITMENT_SPENT.
 */
Opening takeOpening(Session& session, u32 number) {
  if (number == 0 && session.opened->group(kGroupRound1) == nullptr) return Opening();
  const auto found = session.openings.find(number);
  if (found == session.openings.end()) throw Failure("COMMITMENT_SPENT", "");
  Opening opening = std::move(found->second);
  session.openings.erase(found);
  return opening;
}

/** finish(session, number, values, point, blind, listener): a promise of { a, b, c1, c2 }. Point and blind are of the weights' commitment, or
 * absent. */
napi_value finish(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = withKey(arguments);
  const u32 number = static_cast<u32>(arguments.number(1, "number", 0, kMostNumber));
  const napi_value listener = arguments.function(5, "listener");
  std::unique_ptr<Opening> weights;
  if (!arguments.isAbsent(3)) {
    const Bytes point = arguments.view(3, "point");
    if (point.size != kG1Bytes) arguments.refuse("point", "64 bytes");
    weights.reset(new Opening);
    std::memcpy(weights->point, point.data, kG1Bytes);
    weights->blind = secretOf(arguments, 4, "blind");
  }
  Witness witness(*session.opened, arguments.view(2, "values"));
  std::unique_ptr<Task> task(
      new FinishTask(std::move(witness), takeOpening(session, number), std::move(weights)));
  return session.start(env, arguments.at(0), std::move(task), listener);
}

/** discard(session, number): wipes what opens the commitment; none of that number is as good. */
napi_value discard(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session::of(arguments, 0).openings.erase(static_cast<u32>(arguments.number(1, "number", 0, kMostNumber)));
  return undefinedValue(env);
}

}  // namespace

void bindProver(napi_env env, napi_value exports) {
  setFunction(env, exports, "openKey", entry<openKey>);
  setFunction(env, exports, "commit", entry<commit>);
  setFunction(env, exports, "commitWeights", entry<commitWeights>);
  setFunction(env, exports, "finish", entry<finish>);
  setFunction(env, exports, "discard", entry<discard>);
}

}  // namespace addon
}  // namespace assay
