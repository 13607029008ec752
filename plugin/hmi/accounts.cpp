// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/accounts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

namespace foreline::hmi {

using line::Done;
using line::Error;
using line::Result;

namespace {

constexpr std::array<std::string_view, 4> role_names = {"viewer", "planner", "approver",
                                                        "engineer"};
constexpr const char* format = "foreline accounts 1";
constexpr std::size_t file_size_max = 1 << 20;
constexpr std::size_t password_least = 8;
constexpr std::size_t password_most = 128;

bool sodium_works() {
  static const bool works = sodium_init() >= 0;
  return works;
}

}  // namespace

std::string_view name_of(Role role) {
  return role_names.at(static_cast<std::size_t>(role));
}

std::optional<Role> role_named(std::string_view name) {
  const auto* found = std::find(role_names.begin(), role_names.end(), name);
  if (found == role_names.end()) return std::nullopt;
  return static_cast<Role>(found - role_names.begin());
}

bool may(Role role, Act act) {
  switch (act) {
    case Act::acknowledge:
      return role != Role::viewer;
    case Act::shelve:
      return role == Role::approver || role == Role::engineer;
    case Act::service:
      return role == Role::engineer;
    case Act::plan:
    case Act::what_if:
    case Act::run_scenario:
      return role == Role::planner || role == Role::engineer;
    case Act::decide:
      return role == Role::approver;
  }
  return false;
}

Result<std::string> hash_of(const std::string& password) {
  if (!sodium_works()) return Error("libsodium cannot be used on this computer");
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str(hash.data(), password.data(), password.size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
    return Error("not enough memory to hash a password (64 MiB)");
  return std::string(hash.data());
}

bool matches(const std::string& hash, const std::string& password) {
  return sodium_works() && hash.size() < crypto_pwhash_STRBYTES &&
         crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

std::string complaint_about_name(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (name.empty() || name.size() > 32 || !plain)
    return "a name has 1 to 32 letters, digits, points, hyphens or underscores";
  return {};
}

std::string complaint_about_password(std::string_view password) {
  if (password.size() < password_least)
    return fmt::format("a password has at least {} characters", password_least);
  if (password.size() > password_most)
    return fmt::format("a password has at most {} bytes", password_most);
  return {};
}

std::string random_word(std::size_t bytes) {
  if (!sodium_works()) throw std::runtime_error("libsodium cannot be used on this computer");
  std::string raw(bytes, '\0');
  randombytes_buf(raw.data(), raw.size());
  std::string word(2 * bytes + 1, '\0');
  sodium_bin2hex(word.data(), word.size(), reinterpret_cast<const unsigned char*>(raw.data()),
                 raw.size());
  word.pop_back();
  return word;
}

Result<std::vector<Account>> read_accounts(const std::filesystem::path& file) {
  const auto complain = [&](const std::string& what, const std::string& hint = {}) {
    return Error(std::vector<line::Diagnostic>{{file.string(), 0, 0, what, hint}});
  };
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return complain(fmt::format("the accounts cannot be read: {}", std::strerror(errno)),
                    fmt::format("make the file with: foreline account add {} NAME --role approver",
                                file.string()));
  if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > file_size_max)
    return complain("this is no file of accounts");
  if ((status.st_mode & 077) != 0)
    return complain("other users of this computer may read or change the accounts",
                    "chmod 600 " + file.string());
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (!json.is_object() || json.value("format", nlohmann::json()) != format ||
      !json.contains("accounts") || !json["accounts"].is_array())
    return complain(fmt::format("this is no file of the format \"{}\"", format),
                    "foreline account writes such files");
  std::vector<Account> accounts;
  std::set<std::string> names;
  Error wrong;
  std::size_t position = 0;
  for (const auto& entry : json["accounts"]) {
    ++position;
    const auto text_at = [&](const char* key) {
      return entry.is_object() && entry.contains(key) && entry[key].is_string()
                 ? entry[key].get<std::string>()
                 : std::string();
    };
    Account account{text_at("name"), Role::viewer, text_at("password")};
    const auto role = role_named(text_at("role"));
    std::string what = complaint_about_name(account.name);
    if (what.empty() && !role) what = "the role is not viewer, planner, approver or engineer";
    if (what.empty() && account.hash.rfind("$argon2", 0) != 0)
      what = "the password is no Argon2 hash";
    if (what.empty() && !names.insert(account.name).second)
      what = fmt::format("the name {} comes twice", account.name);
    if (!what.empty()) {
      wrong.diagnostics.push_back(
          {file.string(), 0, 0, fmt::format("account {}: {}", position, what), ""});
      continue;
    }
    account.role = *role;
    accounts.push_back(std::move(account));
  }
  if (!wrong.diagnostics.empty()) return wrong;
  return accounts;
}

Result<Done> write_accounts(const std::filesystem::path& file,
                            const std::vector<Account>& accounts) {
  nlohmann::ordered_json json = {{"format", format}, {"accounts", nlohmann::ordered_json::array()}};
  for (const auto& account : accounts)
    json["accounts"].push_back(
        {{"name", account.name}, {"role", name_of(account.role)}, {"password", account.hash}});
  const auto text = json.dump(1) + "\n";
  auto beside = file;
  beside += ".new";
  const auto failed = [&] {
    const auto why = std::string(std::strerror(errno));
    ::unlink(beside.c_str());
    return Error(fmt::format("cannot write {}: {}", file.string(), why));
  };
  ::unlink(beside.c_str());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed();
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(beside.c_str(), file.c_str()) != 0) return failed();
  return Done{};
}

double Lockout::wait_s(const Key& key, int most, double now_s) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.failures < most) return 0;
  return std::max(0.0, found->second.last_s + locked_s - now_s);
}

double Lockout::wait_s(const std::string& name, const std::string& address, double now_s) const {
  const double here_s = wait_s({name, address}, failures_max, now_s);
  const auto here = entries_.find({name, address});
  if (here != entries_.end() && here->second.signed_in) return here_s;
  return std::max({here_s, wait_s({"", address}, failures_at_address, now_s),
                   wait_s({name, ""}, failures_of_name, now_s)});
}

Lockout::Entry& Lockout::entry(const Key& key, double now_s) {
  if (entries_.size() >= entries_max && entries_.count(key) == 0) {
    // Made-up names must not fill the memory; the one that was tried longest ago goes.
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.last_s < b.second.last_s; }));
  }
  auto& found = entries_[key];
  found.last_s = std::max(found.last_s, now_s);
  return found;
}

void Lockout::count(const Key& key, int most, double now_s) {
  const auto known = entries_.find(key);
  const bool over = known != entries_.end() && known->second.failures >= most &&
                    now_s - known->second.last_s >= locked_s;
  auto& counted = entry(key, now_s);
  counted.failures = over ? 1 : counted.failures + 1;
}

void Lockout::failed(const std::string& name, const std::string& address, double now_s) {
  count({name, address}, failures_max, now_s);
  count({"", address}, failures_at_address, now_s);
  count({name, ""}, failures_of_name, now_s);
}

void Lockout::succeeded(const std::string& name, const std::string& address, double now_s) {
  entries_.erase({"", address});
  entries_.erase({name, ""});
  auto& here = entry({name, address}, now_s);
  here.failures = 0;
  here.signed_in = true;
}

double Sessions::ends_at_last_in_s(const Session& session, double now_s) {
  return session.begun_s + longest_s - now_s;
}

double Sessions::ends_in_s(const Session& session, double now_s) const {
  return std::min(session.acted_s + idle_s_ - now_s, ends_at_last_in_s(session, now_s));
}

template <class Over>
void Sessions::erase(Over over) {
  ended_ =
      std::erase_if(sessions_, [&](const auto& one) { return over(one.second); }) > 0 || ended_;
}

bool Sessions::sweep(double now_s) {
  erase([&](const Session& session) { return ends_in_s(session, now_s) < 0; });
  return std::exchange(ended_, false);
}

void Sessions::end_others(const std::vector<Account>& accounts) {
  erase([&](const Session& session) {
    return std::find(accounts.begin(), accounts.end(), session.account) == accounts.end();
  });
}

std::string Sessions::begin(const Account& account, double now_s) {
  erase([&](const Session& session) { return ends_in_s(session, now_s) < 0; });
  if (sessions_.size() >= sessions_max) {
    end(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
          return a.second.acted_s < b.second.acted_s;
        })->first);
  }
  auto id = random_word();
  sessions_[id] = {account, random_word(), now_s, now_s};
  return id;
}

const Session* Sessions::find(const std::string& id, double now_s) const {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || ends_in_s(found->second, now_s) < 0) return nullptr;
  return &found->second;
}

void Sessions::keep(const std::string& id, double now_s) {
  const auto found = sessions_.find(id);
  if (found != sessions_.end() && ends_in_s(found->second, now_s) >= 0)
    found->second.acted_s = now_s;
}

void Sessions::end(const std::string& id) {
  ended_ = sessions_.erase(id) > 0 || ended_;
}

std::string cookie_named(const std::string& header, std::string_view name) {
  std::size_t at = 0;
  while (at < header.size()) {
    auto end = header.find(';', at);
    if (end == std::string::npos) end = header.size();
    auto pair = std::string_view(header).substr(at, end - at);
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.substr(0, name.size()) == name &&
        pair[name.size()] == '=')
      return std::string(pair.substr(name.size() + 1));
    at = end + 1;
  }
  return {};
}

}  // namespace foreline::hmi
