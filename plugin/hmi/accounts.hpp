// SPDX-License-Identifier: Apache-2.0
// Who may do what: local accounts with roles, kept in one file with Argon2id hashes (libsodium),
// and the sessions of those who have signed in. Time is an argument: seconds of any steady clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::hmi {

/// viewer: looks. planner: acknowledges, plans, asks what if. approver: acknowledges, shelves, and
/// decides on proposals that somebody else asked for. engineer: acknowledges, shelves, plans, and
/// alone takes alarms out of service.
enum class Role : std::uint8_t { viewer, planner, approver, engineer };
[[nodiscard]] std::string_view name_of(Role role);
[[nodiscard]] std::optional<Role> role_named(std::string_view name);

enum class Act : std::uint8_t { acknowledge, shelve, service, plan, what_if, decide, run_scenario };
[[nodiscard]] bool may(Role role, Act act);

struct Account {
  std::string name;  ///< 1 to 32 of letters, digits, ". _ -".
  Role role = Role::viewer;
  std::string hash;  ///< As libsodium spells it, salt and cost inside.
};

/// Argon2id with libsodium's interactive cost: about 64 MiB and some tens of milliseconds.
[[nodiscard]] line::Result<std::string> hash_of(const std::string& password);
[[nodiscard]] bool matches(const std::string& hash, const std::string& password);
/// What is wrong with a name or a password; empty when nothing is.
[[nodiscard]] std::string complaint_about_name(std::string_view name);
[[nodiscard]] std::string complaint_about_password(std::string_view password);
/// An unguessable word of `bytes` random bytes, in hexadecimal.
[[nodiscard]] std::string random_word(std::size_t bytes = 32);

/// The file, whole. Errors: not readable by us, not such a file, an account twice; and a file that
/// other users of the computer may read or write.
[[nodiscard]] line::Result<std::vector<Account>> read_accounts(const std::filesystem::path& file);
/// Replaces the file at once, readable and writable by its owner only.
[[nodiscard]] line::Result<line::Done> write_accounts(const std::filesystem::path& file,
                                                      const std::vector<Account>& accounts);

/// Five wrong passwords in a row lock a name out for five minutes, whether or not it exists.
class Lockout {
 public:
  static constexpr int failures_max = 5;
  static constexpr double locked_s = 300;
  static constexpr std::size_t names_max = 1000;

  /// Seconds until this name may be tried again; 0 when it may.
  [[nodiscard]] double wait_s(const std::string& name, double now_s) const;
  void failed(const std::string& name, double now_s);
  void succeeded(const std::string& name);

 private:
  struct Entry {
    int failures = 0;
    double last_s = 0;
  };
  std::map<std::string, Entry> entries_;
};

struct Session {
  std::string user;
  Role role = Role::viewer;
  std::string token;  ///< Goes with every act, so that another site cannot make one (CSRF).
  double begun_s = 0;
  double used_s = 0;
};

class Sessions {
 public:
  static constexpr double longest_s = 8 * 3600;
  static constexpr std::size_t sessions_max = 500;

  explicit Sessions(double idle_s) : idle_s_(idle_s) {}
  /// The id for the cookie.
  [[nodiscard]] std::string begin(const Account& account, double now_s);
  /// The session of this id, unless it has ended; using it keeps it alive.
  [[nodiscard]] const Session* find(const std::string& id, double now_s);
  void end(const std::string& id);

 private:
  [[nodiscard]] bool over(const Session& session, double now_s) const;
  double idle_s_ = 900;
  std::map<std::string, Session> sessions_;
};

/// The value of one cookie in a Cookie header; empty when it is not there.
[[nodiscard]] std::string cookie_named(const std::string& header, std::string_view name);

}  // namespace foreline::hmi
