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

double Lockout::wait_s(const std::string& name, double now_s) const {
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.failures < failures_max) return 0;
  return std::max(0.0, found->second.last_s + locked_s - now_s);
}

void Lockout::failed(const std::string& name, double now_s) {
  if (entries_.size() >= names_max && entries_.count(name) == 0) {
    // Made-up names must not fill the memory; the one that failed longest ago goes.
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.last_s < b.second.last_s; }));
  }
  auto& entry = entries_[name];
  if (entry.failures >= failures_max && now_s - entry.last_s >= locked_s) entry.failures = 0;
  ++entry.failures;
  entry.last_s = now_s;
}

void Lockout::succeeded(const std::string& name) {
  entries_.erase(name);
}

bool Sessions::over(const Session& session, double now_s) const {
  return now_s - session.used_s > idle_s_ || now_s - session.begun_s > longest_s;
}

std::string Sessions::begin(const Account& account, double now_s) {
  for (auto it = sessions_.begin(); it != sessions_.end();)
    it = over(it->second, now_s) ? sessions_.erase(it) : std::next(it);
  if (sessions_.size() >= sessions_max)
    sessions_.erase(std::min_element(
        sessions_.begin(), sessions_.end(),
        [](const auto& a, const auto& b) { return a.second.used_s < b.second.used_s; }));
  auto id = random_word();
  sessions_[id] = {account.name, account.role, random_word(), now_s, now_s};
  return id;
}

const Session* Sessions::find(const std::string& id, double now_s) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return nullptr;
  if (over(found->second, now_s)) {
    sessions_.erase(found);
    return nullptr;
  }
  found->second.used_s = now_s;
  return &found->second;
}

void Sessions::end(const std::string& id) {
  sessions_.erase(id);
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
