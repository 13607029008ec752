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
#include <utility>
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
  bool operator==(const Account&) const = default;
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

/// Wrong passwords in a row lock out for a while, whether or not the name exists: first of all the
/// name at that address, so that nobody keeps another from his own desk; later, so that guessing
/// stays slow from many desks or at many names, the address and the name. Where a name has signed
/// in before, only what is guessed there counts.
class Lockout {
 public:
  static constexpr int failures_max = 5;          ///< Of a name at an address.
  static constexpr int failures_at_address = 20;  ///< Of all names.
  static constexpr int failures_of_name = 50;     ///< At all addresses.
  static constexpr double locked_s = 300;
  static constexpr std::size_t entries_max = 3000;

  /// Seconds until this name may be tried again there; 0 when it may.
  [[nodiscard]] double wait_s(const std::string& name, const std::string& address,
                              double now_s) const;
  void failed(const std::string& name, const std::string& address, double now_s);
  void succeeded(const std::string& name, const std::string& address, double now_s);

 private:
  struct Entry {
    int failures = 0;
    double last_s = 0;
    bool signed_in = false;  ///< This name, at this address.
  };
  using Key = std::pair<std::string, std::string>;  ///< Name and address; one empty: of all.
  [[nodiscard]] double wait_s(const Key& key, int most, double now_s) const;
  Entry& entry(const Key& key, double now_s);
  void count(const Key& key, int most, double now_s);
  std::map<Key, Entry> entries_;
};

struct Session {
  Account account;    ///< As it was when the session began.
  std::string token;  ///< Goes with every act, so that another site cannot make one (CSRF).
  double begun_s = 0;
  double acted_s = 0;
};

/// What a page asks for by itself keeps no session: only a person's acts do.
class Sessions {
 public:
  static constexpr double longest_s = 8 * 3600;
  static constexpr std::size_t sessions_max = 500;

  explicit Sessions(double idle_s) : idle_s_(idle_s) {}
  /// The id for the cookie.
  [[nodiscard]] std::string begin(const Account& account, double now_s);
  /// The session of this id, unless it has ended.
  [[nodiscard]] const Session* find(const std::string& id, double now_s) const;
  /// A person has acted.
  void keep(const std::string& id, double now_s);
  void end(const std::string& id);
  /// Ends those whose account has gone or is another now.
  void end_others(const std::vector<Account>& accounts);
  /// Forgets those that are over; true when any has ended since it was last asked.
  [[nodiscard]] bool sweep(double now_s);
  /// Seconds until it ends when nobody acts, and when somebody does.
  [[nodiscard]] double ends_in_s(const Session& session, double now_s) const;
  [[nodiscard]] static double ends_at_last_in_s(const Session& session, double now_s);

 private:
  template <class Over>
  void erase(Over over);
  double idle_s_ = 900;
  std::map<std::string, Session> sessions_;
  bool ended_ = false;
};

/// The value of one cookie in a Cookie header; empty when it is not there.
[[nodiscard]] std::string cookie_named(const std::string& header, std::string_view name);

}  // namespace foreline::hmi
