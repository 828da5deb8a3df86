// SPDX-License-Identifier: GPL-3.0-or-later
#include "session.h"

#include "../key/failure.h"

namespace assay {
namespace addon {
namespace {

/** Tells sessions from whatever else JavaScript may pass. */
constexpr napi_type_tag kSessionTag = {0x6f1d0ac1c0de4a7bULL, 0x93b85e2f7d14c602ULL};

std::exception_ptr closedFailure() { return std::make_exception_ptr(Failure("PROVER_CLOSED", "it was closed")); }

void dropSession(napi_env, void* data, void*) { delete static_cast<Session*>(data); }

}  // namespace

/** A task came to its end. */
class Settled final : public Notice {
 public:
  Settled(Session& session, std::unique_ptr<Task> task) : session_(session), task_(std::move(task)) {}

  void arrive(napi_env env) override {
    const std::shared_ptr<Task::Caller> kept = task_->caller_;
    Task::Caller& caller = *kept;
    napi_value value = nullptr;
    // The key is gone, or will be in a moment; and nobody wants the result.
    if (session_.isClosed()) task_->failure_ = closedFailure();
    bool isGood = task_->failure_ == nullptr;
    try {
      value = isGood ? task_->result(env, session_) : errorOf(env, task_->failure_);
    } catch (const Pending&) {
      isGood = false;
      napi_get_and_clear_last_exception(env, &value);
    } catch (...) {
      isGood = false;
      value = errorOf(env, std::current_exception());
    }
    session_.environment().release();
    if (caller.listener != nullptr) napi_delete_reference(env, caller.listener);
    caller.listener = nullptr;
    const napi_deferred promise = caller.promise;
    const napi_ref object = caller.session;
    // Its secrets go before anything else runs.
    task_.reset();
    if (isGood) check(env, napi_resolve_deferred(env, promise, value));
    else check(env, napi_reject_deferred(env, promise, value));
    // Last: the session may be collected from here on.
    napi_delete_reference(env, object);
  }

 private:
  Session& session_;
  std::unique_ptr<Task> task_;
};

class Progress final : public Notice {
 public:
  Progress(std::shared_ptr<Task::Caller> caller, const char* step, double done)
      : caller_(std::move(caller)), step_(step), done_(done) {}

  void arrive(napi_env env) override {
    if (caller_->listener == nullptr) return;
    napi_value listener = nullptr;
    check(env, napi_get_reference_value(env, caller_->listener, &listener));
    const napi_value arguments[] = {textValue(env, step_), numberValue(env, done_)};
    check(env, napi_call_function(env, undefinedValue(env), listener, 2, arguments, nullptr));
  }

 private:
  std::shared_ptr<Task::Caller> caller_;
  const char* step_;
  double done_;
};

/** A session's thread has nothing left to do or to free. */
class Ended final : public Notice {
 public:
  explicit Ended(Session& session) : session_(session) {}

  void arrive(napi_env env) override {
    session_.join();
    session_.hasEnded_ = true;
    std::vector<napi_deferred> ends;
    ends.swap(session_.ends_);
    const napi_ref object = session_.endsObject_;
    session_.endsObject_ = nullptr;
    if (object == nullptr) return;
    session_.environment().release();
    for (const napi_deferred end : ends) check(env, napi_resolve_deferred(env, end, undefinedValue(env)));
    napi_delete_reference(env, object);
  }

 private:
  Session& session_;
};

void Task::report(Session& session, const char* step, double done) const {
  if (caller_->listener != nullptr)
    session.environment().post(std::unique_ptr<Notice>(new Progress(caller_, step, done)));
}

Session::Session(std::shared_ptr<Environment> environment, const Kernels& kernels, unsigned threads)
    : environment_(std::move(environment)), kernels_(kernels), pool_(new Pool(threads)), thread_([this] { loop(); }) {
  environment_->add(this);
}

Session::~Session() {
  environment_->remove(this);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    isAbandoned_ = true;
  }
  close();
  join();
}

napi_value Session::wrap(napi_env env, std::unique_ptr<Session> session) {
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  check(env, napi_type_tag_object(env, object, &kSessionTag));
  check(env, napi_wrap(env, object, session.get(), dropSession, nullptr, nullptr));
  session.release();
  return object;
}

Session& Session::of(const Arguments& arguments, std::size_t index) {
  bool isSession = false;
  void* session = nullptr;
  if (index < arguments.count()) {
    napi_valuetype type = napi_undefined;
    check(arguments.env(), napi_typeof(arguments.env(), arguments.at(index), &type));
    if (type == napi_object)
      check(arguments.env(),
            napi_check_object_type_tag(arguments.env(), arguments.at(index), &kSessionTag, &isSession));
  }
  if (!isSession) arguments.refuse("session", "a session");
  check(arguments.env(), napi_unwrap(arguments.env(), arguments.at(index), &session));
  return *static_cast<Session*>(session);
}

napi_value Session::start(napi_env env, napi_value object, std::unique_ptr<Task> task, napi_value listener) {
  task->caller_ = std::make_shared<Task::Caller>();
  Task::Caller& caller = *task->caller_;
  napi_value promise = nullptr;
  if (listener != nullptr) check(env, napi_create_reference(env, listener, 1, &caller.listener));
  check(env, napi_create_reference(env, object, 1, &caller.session));
  check(env, napi_create_promise(env, &caller.promise, &promise));
  environment_->hold();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!isClosing_) {
      waiting_.push_back(std::move(task));
      wake_.notify_one();
      return promise;
    }
  }
  task->failure_ = closedFailure();
  Settled(*this, std::move(task)).arrive(env);
  return promise;
}

void Session::cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Task>& task : waiting_) task->cancelled_ = true;
  if (isWorking_) pool_->cancel();
}

void Session::close() {
  cancel();
  const std::lock_guard<std::mutex> lock(mutex_);
  isClosing_ = true;
  wake_.notify_one();
}

void Session::join() {
  if (thread_.joinable()) thread_.join();
}

napi_value Session::closed(napi_env env, napi_value object) {
  isClosed_ = true;
  openings.clear();
  opened = nullptr;
  napi_deferred end = nullptr;
  napi_value promise = nullptr;
  check(env, napi_create_promise(env, &end, &promise));
  if (hasEnded_) {
    check(env, napi_resolve_deferred(env, end, undefinedValue(env)));
    return promise;
  }
  if (endsObject_ == nullptr) {
    check(env, napi_create_reference(env, object, 1, &endsObject_));
    environment_->hold();
  }
  ends_.push_back(end);
  close();
  return promise;
}

void Session::loop() {
  nameThread("assay-prover");
  for (;;) {
    std::unique_ptr<Task> task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return isClosing_ || !waiting_.empty(); });
      if (waiting_.empty()) break;
      task = std::move(waiting_.front());
      waiting_.pop_front();
      pool_->reset();
      if (task->cancelled_) pool_->cancel();
      isWorking_ = true;
    }
    try {
      pool_->throwIfCancelled();
      task->work(*this);
    } catch (...) {
      task->failure_ = std::current_exception();
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      isWorking_ = false;
    }
    environment_->post(std::unique_ptr<Notice>(new Settled(*this, std::move(task))));
  }
  prover.reset();
  key.reset();
  pool_.reset();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!isAbandoned_) environment_->post(std::unique_ptr<Notice>(new Ended(*this)));
}

}  // namespace addon
}  // namespace assay
