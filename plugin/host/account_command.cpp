// SPDX-License-Identifier: Apache-2.0
// The accounts of people who may act on the pages.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "plugin/hmi/accounts.hpp"
#include "plugin/host/console.hpp"

namespace foreline::host {

namespace {

struct Options {
  std::string file;
  std::string name;
  std::string role;
  bool json = false;
};

line::Result<std::vector<hmi::Account>> known(const Options& options) {
  if (!std::filesystem::exists(options.file)) return std::vector<hmi::Account>{};
  return hmi::read_accounts(options.file);
}

int add(const Options& options) {
  auto accounts = known(options);
  if (!accounts) return fail(bad_input, "account", accounts.error());
  if (const auto wrong = hmi::complaint_about_name(options.name); !wrong.empty())
    return fail(bad_input, "account", wrong);
  const auto password = password_from_person(options.name, " (8 characters or more)");
  if (const auto wrong = hmi::complaint_about_password(password); !wrong.empty())
    return fail(bad_input, "account", wrong);
  auto hash = hmi::hash_of(password);
  if (!hash) return fail(environment, "account", hash.error());
  const auto same = [&](const hmi::Account& account) { return account.name == options.name; };
  const bool was = std::any_of(accounts->begin(), accounts->end(), same);
  accounts->erase(std::remove_if(accounts->begin(), accounts->end(), same), accounts->end());
  accounts->push_back({options.name, *hmi::role_named(options.role), *hash});
  if (auto written = hmi::write_accounts(options.file, *accounts); !written)
    return fail(environment, "account", written.error());
  if (options.json)
    print_json({{"file", options.file},
                {"name", options.name},
                {"role", options.role},
                {"done", was ? "changed" : "added"}});
  else
    fmt::print("{} {} as {} in {}\n", options.name, was ? "changed" : "added", options.role,
               options.file);
  return pass;
}

int remove(const Options& options) {
  auto accounts = hmi::read_accounts(options.file);
  if (!accounts) return fail(bad_input, "account", accounts.error());
  const auto gone =
      std::remove_if(accounts->begin(), accounts->end(),
                     [&](const hmi::Account& account) { return account.name == options.name; });
  if (gone == accounts->end())
    return fail(bad_input, "account",
                fmt::format("{} has no account \"{}\"", options.file, options.name));
  accounts->erase(gone, accounts->end());
  if (auto written = hmi::write_accounts(options.file, *accounts); !written)
    return fail(environment, "account", written.error());
  if (options.json)
    print_json({{"file", options.file}, {"name", options.name}, {"done", "removed"}});
  else
    fmt::print("{} removed from {}\n", options.name, options.file);
  return pass;
}

int list(const Options& options) {
  const auto accounts = hmi::read_accounts(options.file);
  if (!accounts) return fail(bad_input, "account", accounts.error());
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const auto& account : *accounts) {
    out.push_back({{"name", account.name}, {"role", name_of(account.role)}});
    if (!options.json) fmt::print("{:<32}  {}\n", account.name, name_of(account.role));
  }
  if (options.json) fmt::print("{}\n", out.dump());
  return pass;
}

}  // namespace

void add_account(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("account", "Accounts of people who may act on the pages");
  command->require_subcommand(1);
  const auto with = [&](CLI::App* part, bool name) {
    part->add_option("file", options->file, "File of accounts, as [hmi] accounts names it")
        ->required();
    if (name) part->add_option("name", options->name, "Who")->required();
    add_json(*part, options->json, name ? "Print one JSON object" : "Print one JSON array");
    return part;
  };
  auto* adding = with(
      command->add_subcommand("add", "Add an account, or change it; asks for the password"), true);
  adding->add_option("--role", options->role, "viewer, planner, approver or engineer")
      ->required()
      ->check(CLI::IsMember({"viewer", "planner", "approver", "engineer"}));
  adding->footer(
      "Example:\n  echo 'correct horse' | foreline account add accounts.json ada --role approver");
  adding->callback([options, &exit_code] { exit_code = add(*options); });
  auto* removing = with(command->add_subcommand("remove", "Remove an account"), true);
  removing->footer("Example:\n  foreline account remove accounts.json ada");
  removing->callback([options, &exit_code] { exit_code = remove(*options); });
  auto* listing = with(command->add_subcommand("list", "Names and roles"), false);
  listing->footer("Example:\n  foreline account list accounts.json");
  listing->callback([options, &exit_code] { exit_code = list(*options); });
  command->footer(
      "Example:\n  echo 'correct horse' | foreline account add accounts.json ada --role approver\n"
      "\nA planner asks for plans, an approver decides on them, an engineer shelves alarms.");
}

}  // namespace foreline::host
