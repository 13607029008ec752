// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/alarm_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/losses.hpp"
#include "inference/gpt2/trainer.hpp"
#include "inference/plant/judging.hpp"
#include "sim/line/random.hpp"

namespace foreline::plant {

using line::Done;
using line::Error;
using line::Result;
using nlohmann::ordered_json;

namespace {

constexpr int alarm_version = 1;
constexpr std::size_t answer_batch = 64;
constexpr std::size_t windows_min = 200;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/// Which asked codes come after a window.
std::vector<std::uint8_t> outcome_of(const AlarmWords& words, const AlarmWindow& window) {
  std::vector<std::uint8_t> came(words.codes());
  for (const auto code : window.after)
    if (code < words.codes()) came[code] = 1;
  std::vector<std::uint8_t> out;
  for (const auto code : words.asked()) out.push_back(came[code]);
  return out;
}

}  // namespace

std::string name_of(AlarmMethod method) {
  constexpr const char* names[] = {"blend", "GPT-2", "trees", "machine's rate", "persistence"};
  return names[static_cast<std::size_t>(method)];
}

std::vector<std::size_t> windows_between(const AlarmLog& log, double from, double until,
                                         std::size_t leave_out) {
  std::vector<std::size_t> counts(log.machines.size());
  for (const auto& window : log.windows) ++counts[window.machine];
  std::vector<std::size_t> at(log.machines.size());
  std::vector<std::size_t> chosen;
  for (std::size_t w = 0; w < log.windows.size(); ++w) {
    const auto m = log.windows[w].machine;
    const auto count = static_cast<double>(counts[m]);
    const auto first = static_cast<std::size_t>(std::ceil(from * count)) + leave_out;
    const auto end = static_cast<std::size_t>(std::ceil(until * count));
    if (at[m] >= first && at[m] < end && log.windows[w].known) chosen.push_back(w);
    ++at[m];
  }
  return chosen;
}

Result<AlarmModel> AlarmModel::train(const AlarmLog& log, const std::vector<std::size_t>& windows,
                                     const AlarmRules& rules, const Say& say) {
  AlarmModel model;
  model.names_.name = log.name;
  model.names_.machines = log.machines;
  model.names_.codes = log.codes;
  model.names_.lag = log.lag;
  model.blend_ = rules.trees ? rules.blend : 1;
  if (windows.size() < windows_min)
    return Error(fmt::format("{}: {} windows with outcomes are too few to learn from, wanted {}",
                             log.name, windows.size(), windows_min),
                 "cut the log into more windows, or wait for more of it");
  std::vector<std::size_t> came(log.codes.size());
  for (const auto w : windows) {
    auto codes = log.windows[w].after;
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    for (const auto code : codes) ++came[code];
  }
  std::vector<std::uint32_t> asked;
  for (std::uint32_t c = 0; c < came.size(); ++c) {
    const double share = static_cast<double>(came[c]) / static_cast<double>(windows.size());
    if (share >= 0.01 && share <= 0.99) asked.push_back(c);
  }
  if (asked.empty())
    return Error(fmt::format("{}: no code comes after 1 to 99 % of the windows", log.name),
                 "there is nothing to forecast: check the column of outcomes");
  // Machines of which nothing is learned are strangers, and say so.
  model.words_ = AlarmWords(log.machines.size(), log.codes.size(), asked);
  const auto& words = model.words_;
  const auto n = asked.size();
  const auto rates = words.rates(log);
  std::vector<std::vector<std::uint8_t>> outcomes;
  for (const auto w : windows) outcomes.push_back(outcome_of(words, log.windows[w]));
  say(fmt::format("{} windows to learn from, {} codes to forecast, {} words", windows.size(), n,
                  words.vocabulary()));

  // Shares by machine, drawn towards the whole.
  std::vector<double> all(n);
  for (const auto& outcome : outcomes)
    for (std::size_t a = 0; a < n; ++a) all[a] += outcome[a];
  for (auto& share : all) share /= static_cast<double>(windows.size());
  for (std::size_t m = 0; m <= log.machines.size(); ++m) {
    std::vector<double> sums(n);
    double count = 0;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      if (log.windows[windows[i]].machine != m) continue;
      count += 1;
      for (std::size_t a = 0; a < n; ++a) sums[a] += outcomes[i][a];
    }
    for (std::size_t a = 0; a < n; ++a)
      model.base_.push_back(static_cast<float>((sums[a] + 20 * all[a]) / (count + 20)));
  }

  // Tri-grams.
  std::map<std::uint64_t, std::map<std::uint32_t, std::size_t>> two;
  std::vector<std::map<std::uint32_t, std::size_t>> one(log.codes.size() + 1);
  for (const auto w : windows) {
    auto codes = log.windows[w].before;
    if (!log.windows[w].after.empty()) codes.push_back(log.windows[w].after.front());
    for (std::size_t i = 1; i < codes.size(); ++i) {
      ++one[codes[i - 1]][codes[i]];
      ++one.back()[codes[i]];
      if (i > 1) ++two[(static_cast<std::uint64_t>(codes[i - 2]) << 32U) | codes[i - 1]][codes[i]];
    }
  }
  const auto most = [](const std::map<std::uint32_t, std::size_t>& counts) {
    return std::max_element(counts.begin(), counts.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  };
  for (const auto& [pair, counts] : two) model.after_two_.emplace_back(pair, most(counts));
  const auto anything = one.back().empty() ? 0 : most(one.back());
  for (std::size_t c = 0; c < log.codes.size(); ++c)
    model.after_one_.push_back(one[c].empty() ? anything : most(one[c]));
  model.after_one_.push_back(anything);

  // The GPT-2.
  auto& config = model.network_.config;
  config.vocab_size = words.vocabulary();
  config.n_positions = (words.positions() + 7) / 8 * 8;
  config.n_embd = rules.width;
  config.n_layer = rules.layers;
  config.n_head = rules.heads;
  config.n_inner = 4 * rules.width;
  config.eos_token_id = words.vocabulary() - 1;
  gpt2::TrainRules train;
  train.weight_decay = rules.weight_decay;
  train.dropout.residual = rules.dropout;
  train.average_decay = 0.995F;
  train.threads = rules.threads;
  train.seed = rules.seed;
  gpt2::Trainer trainer(config, gpt2::initial_weights(config, rules.seed), train);
  std::uint64_t draw = 0;
  const auto uniform = [&] {
    return line::random_uniform(rules.seed, 17, line::Purpose::training, draw++);
  };
  std::vector<std::size_t> order(windows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::size_t at = order.size();
  double running = 0;
  for (std::size_t step = 0; step < rules.steps; ++step) {
    std::vector<gpt2::Sequence> batch;
    struct Row {
      std::size_t window = 0;
      std::uint32_t next = 0;
      enum { answers, next_code, nothing } kind = nothing;
    };
    std::vector<Row> rows;
    std::size_t nexts = 0;
    for (std::size_t b = 0; b < rules.batch; ++b) {
      if (at >= order.size()) {
        for (std::size_t j = order.size(); j > 1; --j)
          std::swap(order[j - 1],
                    order[static_cast<std::size_t>(uniform() * static_cast<double>(j))]);
        at = 0;
      }
      const auto i = order[at++];
      const auto& window = log.windows[windows[i]];
      auto sequence = words.sequence(window, std::span(rates).subspan(windows[i] * n, n));
      // Words of the first position are hidden now and then, and the machine with them.
      std::vector<std::uint32_t> tokens;
      for (std::size_t t = 0; t < sequence.summed.front(); ++t) {
        const bool hide = uniform() < rules.word_drop;
        if (t == 0)
          tokens.push_back(hide || uniform() < rules.word_drop ? words.stranger()
                                                               : sequence.tokens[0]);
        else if (!hide)
          tokens.push_back(sequence.tokens[t]);
      }
      const auto told = sequence.summed.front();
      sequence.summed.front() = static_cast<std::uint32_t>(tokens.size());
      tokens.insert(tokens.end(), sequence.tokens.begin() + told, sequence.tokens.end());
      sequence.tokens = std::move(tokens);
      // Some of the codes inside are asked for their next one, and the last always.
      const auto first = sequence.summed.front();
      const auto last = sequence.asked.front();
      sequence.asked.clear();
      for (std::uint32_t p = 0; p < last; ++p) {
        if (uniform() >= 0.3) continue;
        sequence.asked.push_back(p);
        rows.push_back({i, sequence.tokens[first + p], Row::next_code});
        ++nexts;
      }
      sequence.asked.push_back(last);
      if (window.after.empty()) {
        rows.push_back({i, 0, Row::nothing});
      } else {
        rows.push_back({i, window.after.front(), Row::next_code});
        ++nexts;
      }
      sequence.asked.push_back(last + 1);
      rows.push_back({i, 0, Row::answers});
      batch.push_back(std::move(sequence));
    }
    const double per_answer = 1 / static_cast<double>(rules.batch * n);
    const double per_next =
        rules.next_weight / static_cast<double>(std::max<std::size_t>(1, nexts));
    const gpt2::RowLoss loss = [&](std::size_t r, std::span<float> x) {
      const auto& row = rows[r];
      double sum = 0;
      if (row.kind == Row::answers) {
        std::vector<float> slope(n);
        const float* answers = &x[words.answer_word(0)];
        for (std::size_t a = 0; a < n; ++a) {
          const double p = sigmoid(static_cast<double>(answers[a]));
          const double y = outcomes[row.window][a];
          sum -= per_answer * std::log(std::max(y > 0 ? p : 1 - p, 1e-9));
          slope[a] = static_cast<float>(per_answer * (p - y));
        }
        std::fill(x.begin(), x.end(), 0.0F);
        std::copy(slope.begin(), slope.end(), x.begin() + words.answer_word(0));
        return sum;
      }
      if (row.kind == Row::next_code && row.next < words.codes()) {
        const auto codes = x.first(words.codes());
        double highest = static_cast<double>(*std::max_element(codes.begin(), codes.end()));
        double total = 0;
        for (const auto value : codes) total += std::exp(static_cast<double>(value) - highest);
        const double norm = highest + std::log(total);
        sum = per_next * (norm - static_cast<double>(codes[row.next]));
        for (auto& value : codes)
          value = static_cast<float>(per_next * std::exp(static_cast<double>(value) - norm));
        codes[row.next] -= static_cast<float>(per_next);
        std::fill(x.begin() + static_cast<std::ptrdiff_t>(words.codes()), x.end(), 0.0F);
        return sum;
      }
      std::fill(x.begin(), x.end(), 0.0F);
      return 0.0;
    };
    const double value = trainer.step(
        batch, loss, gpt2::learning_rate(step, rules.steps, rules.steps / 20 + 1, rules.peak_rate));
    running = step == 0 ? value : 0.98 * running + 0.02 * value;
    if ((step + 1) % std::max<std::size_t>(1, rules.steps / 5) == 0)
      say(fmt::format("step {} of {}, loss {:.4f}", step + 1, rules.steps, running));
  }
  model.network_.weights = trainer.averaged();
  if (auto opened = model.open(rules.threads); !opened) return opened.error();

  if (rules.trees) {
    const auto stride =
        std::max<std::size_t>(1, (windows.size() + rules.tree_rows_max - 1) / rules.tree_rows_max);
    std::vector<float> numbers;
    std::vector<std::size_t> taken;
    for (std::size_t i = 0; i < windows.size(); i += stride) {
      const auto row =
          words.numbers(log.windows[windows[i]], std::span(rates).subspan(windows[i] * n, n));
      numbers.insert(numbers.end(), row.begin(), row.end());
      taken.push_back(i);
    }
    auto tree_rules = rules.within;
    tree_rules.seed = rules.seed;
    tree_rules.threads = rules.threads;
    for (std::size_t a = 0; a < n; ++a) {
      std::vector<float> labels;
      for (const auto i : taken) labels.push_back(outcomes[i][a]);
      auto trees = Trees::fit(numbers, numbers.size() / taken.size(), labels, tree_rules);
      if (!trees) return trees.error();
      model.trees_.push_back(std::move(*trees));
    }
    say(fmt::format("{} ensembles of trees are grown", n));
  }
  return model;
}

Result<Done> AlarmModel::open(int threads) {
  auto opened = gpt2::Model::create(network_.config, network_.weights, {.threads = threads});
  if (!opened) return opened.error();
  model_ = std::make_shared<const gpt2::Model>(std::move(*opened));
  return Done{};
}

Result<AlarmLog> AlarmModel::prepare(const AlarmLog& log) const {
  AlarmLog out;
  out.name = log.name;
  out.machines = log.machines;
  out.codes = names_.codes;
  out.lag = names_.lag;
  const auto places = [](const std::vector<std::string>& known, const std::vector<std::string>& of,
                         std::size_t& met) {
    std::map<std::string, std::uint32_t> place;
    for (std::uint32_t i = 0; i < known.size(); ++i) place.emplace(known[i], i);
    std::vector<std::uint32_t> all;
    for (const auto& name : of) {
      const auto found = place.find(name);
      met += found != place.end() ? 1 : 0;
      all.push_back(found == place.end() ? static_cast<std::uint32_t>(known.size())
                                         : found->second);
    }
    return all;
  };
  std::size_t codes_met = 0;
  std::size_t machines_met = 0;
  const auto code = places(names_.codes, log.codes, codes_met);
  auto machine = places(names_.machines, log.machines, machines_met);
  if (codes_met == 0)
    return Error(
        fmt::format("none of the model's {} codes is in {}", names_.codes.size(), log.name),
        "check the columns of the codes");
  // Strangers are told apart, each with a past of its own.
  out.machines = names_.machines;
  for (std::size_t m = 0; m < machine.size(); ++m)
    if (machine[m] == names_.machines.size()) {
      machine[m] = static_cast<std::uint32_t>(out.machines.size());
      out.machines.push_back(log.machines[m]);
    }
  for (const auto& window : log.windows) {
    AlarmWindow mapped;
    mapped.machine = machine[window.machine];
    mapped.known = window.known;
    for (const auto c : window.before)
      if (code[c] < names_.codes.size()) mapped.before.push_back(code[c]);
    for (const auto c : window.after) mapped.after.push_back(code[c]);
    out.windows.push_back(std::move(mapped));
  }
  return out;
}

std::vector<float> AlarmModel::coming(AlarmMethod method, const AlarmLog& log,
                                      const std::vector<std::size_t>& windows) const {
  const auto n = words_.asked().size();
  std::vector<float> out(windows.size() * n);
  if (method == AlarmMethod::rate || method == AlarmMethod::persistence) {
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const auto& window = log.windows[windows[i]];
      for (std::size_t a = 0; a < n; ++a) {
        const bool seen = std::find(window.before.begin(), window.before.end(),
                                    words_.asked()[a]) != window.before.end();
        out[i * n + a] =
            method == AlarmMethod::persistence
                ? (seen ? 1.0F : 0.0F)
                : base_[std::min<std::size_t>(window.machine, words_.machines()) * n + a];
      }
    }
    return out;
  }
  const auto rates = words_.rates(log);
  const auto rates_of = [&](std::size_t w) { return std::span(rates).subspan(w * n, n); };
  if (method != AlarmMethod::trees || trees_.empty()) {
    for (std::size_t from = 0; from < windows.size(); from += answer_batch) {
      std::vector<gpt2::Sequence> batch;
      for (auto i = from; i < std::min(windows.size(), from + answer_batch); ++i) {
        auto sequence = words_.sequence(log.windows[windows[i]], rates_of(windows[i]));
        sequence.asked.erase(sequence.asked.begin());
        batch.push_back(std::move(sequence));
      }
      const auto logits = model_->logits(batch);
      for (std::size_t b = 0; b < batch.size(); ++b)
        for (std::size_t a = 0; a < n; ++a)
          out[(from + b) * n + a] = static_cast<float>(sigmoid(
              static_cast<double>(logits[b * words_.vocabulary() + words_.answer_word(a)])));
    }
    if (method == AlarmMethod::gpt || trees_.empty()) return out;
  }
  std::vector<float> numbers;
  for (const auto w : windows) {
    const auto row = words_.numbers(log.windows[w], rates_of(w));
    numbers.insert(numbers.end(), row.begin(), row.end());
  }
  const auto share = method == AlarmMethod::trees ? 0.0F : static_cast<float>(blend_);
  for (std::size_t a = 0; a < n; ++a) {
    const auto p =
        trees_[a].predict(numbers, windows.empty() ? 0 : numbers.size() / windows.size());
    for (std::size_t i = 0; i < windows.size(); ++i)
      out[i * n + a] = share * out[i * n + a] + (1 - share) * p[i];
  }
  return out;
}

std::vector<std::uint32_t> AlarmModel::next(const AlarmLog& log,
                                            const std::vector<std::size_t>& windows) const {
  const auto n = words_.asked().size();
  const auto rates = words_.rates(log);
  std::vector<std::uint32_t> out;
  for (std::size_t from = 0; from < windows.size(); from += answer_batch) {
    std::vector<gpt2::Sequence> batch;
    for (auto i = from; i < std::min(windows.size(), from + answer_batch); ++i) {
      auto sequence =
          words_.sequence(log.windows[windows[i]], std::span(rates).subspan(windows[i] * n, n));
      sequence.asked.pop_back();
      batch.push_back(std::move(sequence));
    }
    const auto logits = model_->logits(batch);
    for (std::size_t b = 0; b < batch.size(); ++b) {
      const float* row = &logits[b * words_.vocabulary()];
      out.push_back(static_cast<std::uint32_t>(std::max_element(row, row + words_.codes()) - row));
    }
  }
  return out;
}

std::vector<std::uint32_t> AlarmModel::next_by_trigram(
    const AlarmLog& log, const std::vector<std::size_t>& windows) const {
  std::vector<std::uint32_t> out;
  for (const auto w : windows) {
    const auto& codes = log.windows[w].before;
    std::uint32_t guess = after_one_.back();
    if (!codes.empty()) guess = after_one_[codes.back()];
    if (codes.size() > 1) {
      const auto pair = (static_cast<std::uint64_t>(codes[codes.size() - 2]) << 32U) | codes.back();
      const auto found = std::lower_bound(after_two_.begin(), after_two_.end(),
                                          std::pair<std::uint64_t, std::uint32_t>(pair, 0));
      if (found != after_two_.end() && found->first == pair) guess = found->second;
    }
    out.push_back(guess);
  }
  return out;
}

std::string AlarmModel::description() const {
  return fmt::format("{}; {} codes to forecast, {} words", model_->description(),
                     words_.asked().size(), words_.vocabulary());
}

Result<Done> AlarmModel::save(const std::filesystem::path& folder) const {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error(fmt::format("cannot make {}: {}", folder.string(), error.message()));
  ordered_json j{{"alarms", alarm_version}, {"name", names_.name}, {"machines", names_.machines},
                 {"codes", names_.codes},   {"lag", names_.lag},   {"asked", words_.asked()},
                 {"blend", blend_},         {"base", base_},       {"after_one", after_one_}};
  j["after_two"] = ordered_json::array();
  for (const auto& [pair, next] : after_two_) j["after_two"].push_back({pair, next});
  auto config = network_.config;
  config.foreline = ordered_json{{"alarms", alarm_version}}.dump();
  if (auto saved = gpt2::save_checkpoint(folder, config, network_.weights); !saved)
    return saved.error();
  ordered_json vocabulary;
  const auto all = words_.vocabulary_words(names_);
  for (std::size_t w = 0; w < all.size(); ++w) vocabulary[all[w]] = w;
  if (auto saved = gpt2::write_file(folder / "vocab.json", vocabulary.dump()); !saved)
    return saved.error();
  j["tree_sums"] = ordered_json::array();
  for (std::size_t t = 0; t < trees_.size(); ++t) {
    const auto bytes = trees_[t].bytes();
    j["tree_sums"].push_back(gpt2::checksum(bytes));
    if (auto saved = gpt2::write_file(folder / fmt::format("trees-{}.ubj", t), bytes); !saved)
      return saved.error();
  }
  return gpt2::write_file(folder / "alarms.json", j.dump(1) + "\n");
}

Result<AlarmModel> AlarmModel::load(const std::filesystem::path& folder, int threads) {
  const auto file = (folder / "alarms.json").string();
  const auto wrong = [&](const std::string& what) {
    return Error({{file, 0, 0, what, "use a folder that `foreline train --data` has written"}});
  };
  auto text = gpt2::read_file(folder / "alarms.json");
  if (!text) return wrong("there is no such file: this is no model of alarms");
  AlarmModel model;
  std::vector<std::uint64_t> sums;
  try {
    const auto j = ordered_json::parse(*text);
    if (j.at("alarms").get<int>() != alarm_version)
      return wrong(fmt::format("is of version {}, this build reads {}", j.at("alarms").get<int>(),
                               alarm_version));
    model.names_.name = j.at("name").get<std::string>();
    model.names_.machines = j.at("machines").get<std::vector<std::string>>();
    model.names_.codes = j.at("codes").get<std::vector<std::string>>();
    model.names_.lag = j.at("lag").get<std::size_t>();
    const auto asked = j.at("asked").get<std::vector<std::uint32_t>>();
    const auto codes = model.names_.codes.size();
    if (asked.empty() || !std::is_sorted(asked.begin(), asked.end()) || asked.back() >= codes)
      return wrong("asks for codes that there are not");
    model.words_ = AlarmWords(model.names_.machines.size(), codes, asked);
    model.blend_ = j.at("blend").get<double>();
    model.base_ = j.at("base").get<std::vector<float>>();
    model.after_one_ = j.at("after_one").get<std::vector<std::uint32_t>>();
    model.after_two_ =
        j.at("after_two").get<std::vector<std::pair<std::uint64_t, std::uint32_t>>>();
    sums = j.at("tree_sums").get<std::vector<std::uint64_t>>();
    if (model.base_.size() != (model.names_.machines.size() + 1) * asked.size() ||
        model.after_one_.size() != codes + 1 || (!sums.empty() && sums.size() != asked.size()) ||
        !std::is_sorted(model.after_two_.begin(), model.after_two_.end()))
      return wrong("its parts are of different models: their sizes do not agree");
  } catch (const nlohmann::json::exception& exception) {
    return wrong(exception.what());
  }
  auto checkpoint = gpt2::load_checkpoint(folder);
  if (!checkpoint) return checkpoint.error();
  if (checkpoint->config.vocab_size != model.words_.vocabulary() ||
      checkpoint->config.n_positions < model.words_.positions())
    return wrong("speaks another language than its GPT-2");
  model.network_ = {checkpoint->config, std::move(checkpoint->weights), 1};
  for (std::size_t t = 0; t < sums.size(); ++t) {
    const auto place = folder / fmt::format("trees-{}.ubj", t);
    auto bytes = gpt2::read_file(place);
    if (!bytes) return bytes.error();
    if (gpt2::checksum(*bytes) != sums[t])
      return Error({{place.string(), 0, 0, "is not the file that was written with this model",
                     "copy the whole folder again, or train anew"}});
    auto restored = Trees::restore(*bytes);
    if (!restored) return restored.error();
    model.trees_.push_back(std::move(*restored));
  }
  if (auto opened = model.open(threads); !opened) return opened.error();
  return model;
}

AlarmJudgement judge(const AlarmModel& model, const AlarmLog& log,
                     const std::vector<std::size_t>& windows) {
  AlarmJudgement judgement;
  judgement.windows = windows.size();
  const auto n = model.words().asked().size();
  std::vector<std::vector<std::uint8_t>> truth(n);
  for (const auto w : windows) {
    const auto outcome = outcome_of(model.words(), log.windows[w]);
    for (std::size_t a = 0; a < n; ++a) truth[a].push_back(outcome[a]);
  }
  for (std::size_t m = 0; m < alarm_method_count; ++m) {
    const auto method = static_cast<AlarmMethod>(m);
    const auto p = model.coming(method, log, windows);
    AlarmScore score{method, 0, 0, 0};
    std::vector<float> scores;
    std::vector<std::uint8_t> outcomes;
    judgement.codes = 0;
    for (std::size_t a = 0; a < n; ++a) {
      if (std::find(truth[a].begin(), truth[a].end(), 1) == truth[a].end()) continue;
      std::vector<float> column;
      for (std::size_t i = 0; i < windows.size(); ++i) column.push_back(p[i * n + a]);
      score.macro_ap += average_precision(column, truth[a]);
      score.brier += brier(column, truth[a]);
      scores.insert(scores.end(), column.begin(), column.end());
      outcomes.insert(outcomes.end(), truth[a].begin(), truth[a].end());
      ++judgement.codes;
    }
    if (judgement.codes > 0) {
      score.macro_ap /= static_cast<double>(judgement.codes);
      score.brier /= static_cast<double>(judgement.codes);
      score.micro_ap = average_precision(scores, outcomes);
    }
    judgement.methods.push_back(score);
  }
  const auto gpt = model.next(log, windows);
  const auto trigram = model.next_by_trigram(log, windows);
  double asked = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto& after = log.windows[windows[i]].after;
    if (after.empty()) continue;
    asked += 1;
    judgement.next_gpt += gpt[i] == after.front() ? 1 : 0;
    judgement.next_trigram += trigram[i] == after.front() ? 1 : 0;
  }
  if (asked > 0) judgement.next_gpt /= asked, judgement.next_trigram /= asked;
  return judgement;
}

std::string as_text(const AlarmJudgement& judgement) {
  std::string out = fmt::format(
      "Who wins on this log: {} windows, means over {} codes\n\n{:<18}{:>10}{:>10}{:>10}\n",
      judgement.windows, judgement.codes, "", "macro AP", "micro AP", "Brier");
  for (const auto& m : judgement.methods)
    out += fmt::format("{:<18}{:>10.4f}{:>10.4f}{:>10.5f}\n", name_of(m.method), m.macro_ap,
                       m.micro_ap, m.brier);
  return out + fmt::format("\nthe next code named rightly: GPT-2 {:.1f} %, tri-gram {:.1f} %\n",
                           100 * judgement.next_gpt, 100 * judgement.next_trigram);
}

}  // namespace foreline::plant
