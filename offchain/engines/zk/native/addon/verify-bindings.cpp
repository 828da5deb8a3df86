// SPDX-License-Identifier: GPL-3.0-or-later
#include "../verify.h"
#include "bindings.h"
#include "session.h"

namespace assay {
namespace addon {
namespace {

class StrangersTask final : public Task {
 public:
  StrangersTask(Group group, std::vector<u8>&& points) : group_(group), points_(std::move(points)) {}

  void work(Session& session) override {
    found_ = findStrangers(session.kernels(), session.pool(), group_, {points_.data(), points_.size()});
  }
  napi_value result(napi_env env, Session&) override {
    napi_value list = nullptr;
    check(env, napi_create_array_with_length(env, found_.size(), &list));
    for (std::size_t i = 0; i < found_.size(); i++)
      check(env, napi_set_element(env, list, static_cast<u32>(i), numberValue(env, found_[i])));
    return list;
  }

 private:
  Group group_;
  std::vector<u8> points_;
  std::vector<u32> found_;
};

class ProductTask final : public Task {
 public:
  ProductTask(std::vector<u8>&& points, std::vector<u8>&& scalars, std::vector<u32>&& counts, std::vector<u8>&& g2)
      : points_(std::move(points)), scalars_(std::move(scalars)), counts_(std::move(counts)), g2_(std::move(g2)) {}

  void work(Session& session) override {
    const PairingProduct product = {{points_.data(), points_.size()}, {scalars_.data(), scalars_.size()},
                                    counts_, {g2_.data(), g2_.size()}};
    isOne_ = isOne(session.kernels(), session.pool(), product);
  }
  napi_value result(napi_env env, Session&) override { return booleanValue(env, isOne_); }

 private:
  std::vector<u8> points_;
  std::vector<u8> scalars_;
  std::vector<u32> counts_;
  std::vector<u8> g2_;
  bool isOne_ = false;
};

/** findStrangers(session, group, points): a promise of the indices of the points that are not of the group. See verify.h for the bytes. */
napi_value findStrangersOf(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = Session::of(arguments, 0);
  const std::string name = arguments.text(1, "group");
  if (name != "g1" && name != "g2") arguments.refuse("group", "\"g1\" or \"g2\"");
  const Group group = name == "g1" ? Group::g1 : Group::g2;
  std::vector<u8> points = arguments.bytes(2, "points");
  if (points.size() % (group == Group::g1 ? kG1Bytes : kG2Bytes) != 0) arguments.refuse("points", "whole points");
  return session.start(env, arguments.at(0), std::unique_ptr<Task>(new StrangersTask(group, std::move(points))),
                       nullptr);
}

/**
 * productIsOne(session, points, scalars, counts, g2): a promise of whether ∏ e(Σ scalar·point, g2[i]) is 1, the sum over the next counts[i]
 * of them. False also if a point is off its curve.
 */
napi_value productIsOne(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Session& session = Session::of(arguments, 0);
  std::vector<u8> points = arguments.bytes(1, "points");
  std::vector<u8> scalars = arguments.bytes(2, "scalars");
  std::vector<u32> counts = arguments.words(3, "counts");
  std::vector<u8> g2 = arguments.bytes(4, "g2");
  u64 total = 0;
  for (const u32 count : counts) total += count;
  if (points.size() % kG1Bytes != 0 || points.size() / kG1Bytes != total) arguments.refuse("points", "as many as counted");
  if (scalars.size() % kScalarBytes != 0 || scalars.size() / kScalarBytes != total)
    arguments.refuse("scalars", "as many as counted");
  if (g2.size() % kG2Bytes != 0 || g2.size() / kG2Bytes != counts.size()) arguments.refuse("g2", "one point a term");
  for (std::size_t at = 0; at < scalars.size(); at += kScalarBytes)
    if (!isBelow(scalars.data() + at, kScalarModulus)) arguments.refuse("scalars", "below r");
  std::unique_ptr<Task> task(
      new ProductTask(std::move(points), std::move(scalars), std::move(counts), std::move(g2)));
  return session.start(env, arguments.at(0), std::move(task), nullptr);
}

}  // namespace

void bindVerify(napi_env env, napi_value exports) {
  setFunction(env, exports, "findStrangers", entry<findStrangersOf>);
  setFunction(env, exports, "productIsOne", entry<productIsOne>);
}

}  // namespace addon
}  // namespace assay
