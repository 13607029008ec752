// SPDX-License-Identifier: Apache-2.0
// What the pages may ask for and do: routes, rights, and the checks on every input. Runs on the
// server's thread; slow work (password hashes, the audit, simulations) goes to a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "plugin/attachment/attachment.hpp"
#include "plugin/core/configuration.hpp"
#include "plugin/hmi/accounts.hpp"
#include "plugin/hmi/pace.hpp"
#include "plugin/hmi/record.hpp"
#include "plugin/hmi/running.hpp"
#include "plugin/hmi/scenarios.hpp"
#include "plugin/hmi/server.hpp"
#include "plugin/hmi/wall_clock.hpp"

namespace foreline::hmi {

/// One thread for slow work, in order, with room for few: a flood is refused, not queued.
class Clerk {
 public:
  explicit Clerk(std::size_t waiting_max);
  ~Clerk();  ///< Ends the work in hand and drops the rest.
  Clerk(const Clerk&) = delete;
  Clerk& operator=(const Clerk&) = delete;
  /// False when there is no room.
  bool take(std::function<void()> work);

 private:
  std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

class Desk {
 public:
  /// `post` runs work on the server's thread. `seconds`: of any steady clock.
  Desk(attachment::Attachment& attachment, const core::Configuration& configuration,
       std::function<void(std::function<void()>)> post, std::function<double()> seconds = steady_s);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// From now on nothing new begins. On the server's thread, before close().
  void refuse();
  /// Ends slow work. Before the server goes. From any thread but its.
  void close();
  /// Answers a request now or later.
  void handle(const Request& request, Reply reply);
  /// Looks at the attachment and the accounts; true when streams have news, or end.
  bool look();
  void note(Json event);

 private:
  struct Ticket {
    std::string word;  ///< What confirms it.
    int proposal = 0;
    bool approve = false;
    bool roll_back = false;  ///< It is about the deployed schedule.
    double until_s = 0;
  };
  /// An input that has passed the checks common to all acts.
  struct Acting {
    std::string user;
    Role role = Role::viewer;
    std::string session;
    Json body;
  };
  using Route = void (Desk::*)(const Acting& acting, const Reply& reply);

  void heed_accounts();
  void get(const Request& request, const Reply& reply, const Session* session);
  void act(const Request& request, const Reply& reply, const Session* session);
  void sign_in(const Request& request, const Json& body, const Reply& reply);
  void sign_out(const Acting& acting, const Reply& reply);
  void acknowledge(const Acting& acting, const Reply& reply);
  void shelve(const Acting& acting, const Reply& reply);
  void unshelve(const Acting& acting, const Reply& reply);
  void service(const Acting& acting, const Reply& reply);
  void plan(const Acting& acting, const Reply& reply);
  void ask_what_if(const Acting& acting, const Reply& reply);
  void cancel_what_if(const Acting& acting, const Reply& reply);
  void run_scenario(const Acting& acting, const Reply& reply);
  void cancel_scenario(const Acting& acting, const Reply& reply);
  void prepare(const Acting& acting, const Reply& reply);
  void confirm(const Acting& acting, const Reply& reply);
  /// Replies with what a first step tells, and the registers that its second step writes.
  void with_registers(Json told, bool back, const Reply& reply);
  void prepare_roll_back(const Acting& acting, const Reply& reply);
  void confirm_roll_back(const Acting& acting, const Reply& reply);
  void clear_lock_out(const Acting& acting, const Reply& reply);
  /// The ticket and the reason of a second step, if both are in order; else it has replied.
  [[nodiscard]] std::optional<std::pair<Ticket, std::string>> second_step(const Acting& acting,
                                                                          bool roll_back,
                                                                          const Reply& reply);
  void audit(const Reply& reply);
  /// Whether the running schedule is another than at the last look, and what follows from that.
  void follow_schedule(const Json& snapshot);
  /// Simulates the running schedule beside, unless that is being done or was just done.
  void expect();
  [[nodiscard]] Json running() const;
  /// When machines are closed while what was simulated goes on ("at_s" to "until_s").
  [[nodiscard]] Json closed_in(const Json& simulated) const;
  [[nodiscard]] Json data() const;
  [[nodiscard]] Json alarms() const;
  void asset(const Request& request, const Reply& reply) const;
  [[nodiscard]] Json session_json(const Session* session) const;
  [[nodiscard]] std::string cookie(const std::string& id, bool secure, double for_s) const;
  void note_act(const std::string& who, const std::string& what, const std::string& detail);
  /// For whoever has this session; who looks without one has none to lose.
  [[nodiscard]] Feed feed(const std::string& session);

  attachment::Attachment& attachment_;
  core::HmiRules rules_;
  std::filesystem::path store_;
  std::string description_;
  Json evaluation_;   ///< Of the model, beside it; null when there is none.
  std::string card_;  ///< What the folder of the model says of it.
  Json believed_;     ///< What the gate asks of forecasts.
  std::function<void(std::function<void()>)> post_;
  std::function<double()> now_s_;
  std::filesystem::file_time_type accounts_written_{};
  Record record_;
  bool remembered_ = false;  ///< What was before the plugin began.
  WallClock wall_clock_;
  Lockout lockout_;
  Sessions sessions_;
  std::map<std::string, Ticket> tickets_;  ///< By user: one looking takes nobody's from them.
  std::string state_;                      ///< As streams send it.
  std::string compared_;
  std::uint64_t version_ = 0;
  double sent_s_ = 0;
  double refusal_noted_s_ = -1e9;
  struct Question;
  std::shared_ptr<Question> question_;  ///< The what-if that runs, or ran last.
  std::thread asking_;
  ActualSchedule actual_;
  double line_time_s_ = 0;
  Json schedule_;   ///< That runs, as of the last look; null: not known.
  Json planned_;    ///< What was expected of it when it took effect; null: not yet known.
  Json coming_;     ///< What is expected of it from the newest state; null: not yet known.
  Json read_back_;  ///< What the PLC held after the last deployment or roll-back, by register.
  std::thread expecting_;
  std::atomic<bool> expecting_ends_ = false;
  Json asked_;  ///< The schedule that was simulated unasked, once.
  bool refusing_ = false;
  bool expects_ = false;
  double expect_again_s_ = 0;  ///< Not before.
  Scenarios scenarios_;
  std::unique_ptr<Clerk> reader_;  ///< Waits for the PLC.
  std::unique_ptr<Clerk> clerk_;   ///< For what the computer itself does. Last: ends first.
};

}  // namespace foreline::hmi
