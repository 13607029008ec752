// SPDX-License-Identifier: Apache-2.0
// A line in the format that read_line_file() reads.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/text/document.hpp"
#include "sim/text/escape.hpp"
#include "sim/text/files.hpp"

namespace foreline::text {

using namespace line;

namespace {

/// Exact where duration_text() might round.
std::string time_of(double seconds) {
  return seconds == std::floor(seconds) ? duration_text(seconds) : fmt::format("{} s", seconds);
}

std::string quoted_time(double seconds) {
  return '"' + time_of(seconds) + '"';
}

std::string distribution_of(const Distribution& d) {
  using Kind = Distribution::Kind;
  const auto head = fmt::format("{{ distribution = \"{}\"", name_of(d.kind));
  switch (d.kind) {
    case Kind::deterministic:
      return quoted_time(d.mean);
    case Kind::exponential:
      return fmt::format("{}, mean = {} }}", head, quoted_time(d.mean));
    case Kind::normal:
    case Kind::lognormal:
    case Kind::gamma:
      return fmt::format("{}, mean = {}, deviation = {} }}", head, quoted_time(d.mean),
                         quoted_time(d.spread));
    case Kind::weibull:
      return fmt::format("{}, mean = {}, shape = {} }}", head, quoted_time(d.mean), d.spread);
    case Kind::triangular:
      return fmt::format("{}, low = {}, mode = {}, high = {} }}", head, quoted_time(d.low),
                         quoted_time(d.mean), quoted_time(d.high));
    case Kind::uniform:
      return fmt::format("{}, low = {}, high = {} }}", head, quoted_time(d.low),
                         quoted_time(d.high));
    case Kind::empirical: {
      std::string out = head + ", values = [";
      for (std::size_t i = 0; i < d.measured.size(); ++i)
        out += (i == 0 ? "" : ", ") + quoted_time(d.measured[i]);
      return out + "] }";
    }
  }
  return quoted_time(d.mean);
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out = "[";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : ", ") + toml_string(names[i]);
  return out + "]";
}

std::string clock_of(double seconds) {
  const auto minutes = static_cast<int>(std::llround(seconds / 60));
  return fmt::format("\"{:02}:{:02}\"", minutes / 60, minutes % 60);
}

std::string_view day_of(double seconds) {
  constexpr std::array<std::string_view, 7> days = {"Mon", "Tue", "Wed", "Thu",
                                                    "Fri", "Sat", "Sun"};
  return days[static_cast<std::size_t>(seconds / 86'400) % 7];
}

std::string calendar_text(const Calendar& calendar) {
  auto out = fmt::format("\n[[calendars]]\nname = {}\nstart = \"{} {}\n",
                         toml_string(calendar.name), day_of(calendar.start_s),
                         clock_of(std::fmod(calendar.start_s, 86'400)).substr(1));
  for (const auto& span : calendar.open) {
    for (double from_s = span.from_s; from_s < span.until_s;) {
      const double midnight_s = (std::floor(from_s / 86'400) + 1) * 86'400;
      const double until_s = std::min(span.until_s, midnight_s);
      const double day_s = midnight_s - 86'400;
      out += fmt::format("  [[calendars.shift]]\n  days = [\"{}\"]\n  from = {}\n  until = {}\n",
                         day_of(from_s), clock_of(from_s - day_s), clock_of(until_s - day_s));
      from_s = until_s;
    }
  }
  for (const auto& span : calendar.closed)
    out += fmt::format("  [[calendars.closed]]\n  from = {}\n  until = {}\n",
                       quoted_time(span.from_s), quoted_time(span.until_s));
  return out;
}

class Writer {
 public:
  explicit Writer(const Line& line) : line_(&line) {
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      const auto& name = line.machines[m].name;
      const bool more = m + 1 < line.machines.size() && line.machines[m + 1].unit_of == m;
      const auto dash = name.rfind('-');
      stations_.push_back(more && dash != std::string::npos ? name.substr(0, dash) : name);
    }
  }

  [[nodiscard]] std::string machine(std::uint32_t m) const {
    const auto& machine = line_->machines[m];
    auto out = fmt::format("\n[[machine]]\nname = {}\ncycle = {}\n", toml_string(stations_[m]),
                           distribution_of(machine.cycle));
    std::uint32_t units = 1;
    while (m + units < line_->machines.size() && line_->machines[m + units].unit_of == m) ++units;
    if (units > 1) out += fmt::format("units = {}\n", units);
    out += flow(machine) + work(machine);
    for (const auto& rule : machine.maintenance) out += maintenance(rule);
    for (const auto& signal : machine.signals) out += signal_text(signal);
    for (const auto& mode : machine.faults) out += fault(mode);
    return out;
  }

 private:
  [[nodiscard]] std::string flow(const Machine& machine) const {
    std::string out;
    if (!machine.takes.empty()) {
      out += "takes = {";
      for (std::size_t i = 0; i < machine.takes.size(); ++i)
        out += fmt::format("{} {} = {}", i == 0 ? "" : ",",
                           toml_string(stations_[machine.after->at(i)]), machine.takes[i]);
      out += " }\n";
    } else if (machine.after) {
      std::vector<std::string> names;
      for (const auto input : *machine.after) names.push_back(stations_[input]);
      out += fmt::format("after = {}\n", list_of(names));
    }
    if (machine.buffer_after > 0) out += fmt::format("buffer_after = {}\n", machine.buffer_after);
    if (machine.gives != 1) out += fmt::format("gives = {}\n", machine.gives);
    if (machine.batch != 1) out += fmt::format("batch = {}\n", machine.batch);
    if (machine.batch_wait_s > 0)
      out += fmt::format("batch_wait = {}\n", quoted_time(machine.batch_wait_s));
    if (machine.conveyor.travel_s > 0)
      out += fmt::format("conveyor = {{ travel = {}, spacing = {}, accumulating = {} }}\n",
                         quoted_time(machine.conveyor.travel_s),
                         quoted_time(machine.conveyor.spacing_s), machine.conveyor.accumulating);
    if (machine.transporter)
      out += fmt::format("transporter = {}\ncarry = {}\n",
                         toml_string(line_->transporters[*machine.transporter].name),
                         quoted_time(machine.carry_s));
    const auto& inspection = machine.inspection;
    if (inspection.detects > 0 || inspection.false_alarms > 0) {
      out += fmt::format(
          "inspection = {{ detects = {}, false_alarms = {}, rework = {}, rework_max = {}",
          share(inspection.detects), share(inspection.false_alarms), share(inspection.rework_share),
          inspection.rework_max);
      if (inspection.rework_to)
        out += fmt::format(", rework_to = {}", toml_string(stations_[*inspection.rework_to]));
      out += " }\n";
    }
    return out;
  }

  [[nodiscard]] std::string work(const Machine& machine) const {
    std::string out;
    out += by_product("product_factor", machine.product_factor);
    out += by_product("product_load", machine.product_load);
    if (!machine.makes.empty()) {
      std::vector<std::string> names;
      for (std::size_t p = 0; p < machine.makes.size(); ++p)
        if (machine.makes[p] != 0) names.push_back(line_->products[p]);
      out += fmt::format("makes = {}\n", list_of(names));
    }
    bool changes = false;
    for (const auto& row : machine.changeover_s)
      for (const double seconds : row) changes = changes || seconds > 0;
    if (changes) {
      out += "changeover = [\n";
      for (const auto& row : machine.changeover_s) {
        std::vector<std::string> times;
        for (const double seconds : row) times.push_back(time_of(seconds));
        out += "  " + list_of(times) + ",\n";
      }
      out += "]\n";
    }
    if (machine.scrap_share > 0) out += fmt::format("scrap = {}\n", share(machine.scrap_share));
    if (machine.defect_share > 0) out += fmt::format("defects = {}\n", share(machine.defect_share));
    out += fmt::format("service = {}\n", distribution_of(machine.service));
    if (machine.service_quality != 1)
      out += fmt::format("service_quality = {}\n", share(machine.service_quality));
    if (!machine.service_skill.empty())
      out += fmt::format("service_skill = {}\n", toml_string(machine.service_skill));
    if (machine.calendar)
      out += fmt::format("calendar = {}\n", toml_string(line_->calendars[*machine.calendar].name));
    if (machine.priority != 0) out += fmt::format("priority = {}\n", machine.priority);
    if (machine.power != Power{})
      out += fmt::format(
          "power = {{ work = \"{} kW\", idle = \"{} kW\", setup = \"{} kW\", down = \"{} kW\", off "
          "= "
          "\"{} kW\" }}\n",
          machine.power.work_kw, machine.power.idle_kw, machine.power.setup_kw,
          machine.power.down_kw, machine.power.off_kw);
    return out;
  }

  [[nodiscard]] std::string by_product(std::string_view key,
                                       const std::vector<double>& values) const {
    if (std::all_of(values.begin(), values.end(), [](double value) { return value == 1; }))
      return values.empty() || key != "product_load"
                 ? std::string()
                 : fmt::format("{} = {{ {} = 1.0 }}\n", key, toml_string(line_->products[0]));
    auto out = fmt::format("{} = {{", key);
    for (std::size_t p = 0; p < values.size(); ++p)
      out += fmt::format("{} {} = {:#}", p == 0 ? "" : ",", toml_string(line_->products[p]),
                         values[p]);
    return out + " }\n";
  }

  static std::string share(double value) { return fmt::format("{:#}", value); }

  static std::string maintenance(const Maintenance& rule) {
    constexpr std::array<std::string_view, 3> names = {"calendar", "age", "condition"};
    auto out = fmt::format("\n  [[machine.maintenance]]\n  rule = \"{}\"\n  every = {}\n",
                           names[static_cast<std::size_t>(rule.rule)], quoted_time(rule.every_s));
    if (rule.rule == Maintenance::Rule::condition)
      out += fmt::format("  kind = \"{}\"\n  at_damage = {}\n", name_of(rule.kind),
                         share(rule.at_damage));
    return out;
  }

  static std::string signal_text(const Signal& signal) {
    auto value = [&](double number) { return fmt::format("\"{} {}\"", number, signal.unit); };
    auto out = fmt::format(
        "\n  [[machine.signal]]\n  name = {}\n  kind = \"{}\"\n  normal = {}\n  idle = {}\n  noise "
        "= "
        "{}\n  resolution = {}\n  range = [{}, {}]\n",
        toml_string(signal.name), name_of(signal.kind), value(signal.normal), value(signal.idle),
        value(signal.noise), value(signal.resolution), value(signal.low), value(signal.high));
    if (signal.lag_s >= 0) out += fmt::format("  lag = {}\n", quoted_time(signal.lag_s));
    if (signal.sampling_s > 0)
      out += fmt::format("  sampling = {}\n", quoted_time(signal.sampling_s));
    if (signal.fault_rise != 1) out += fmt::format("  fault_rise = {}\n", signal.fault_rise);
    if (signal.fault_unrest != 1) out += fmt::format("  fault_unrest = {}\n", signal.fault_unrest);
    return out;
  }

  [[nodiscard]] std::string fault(const FaultMode& mode) const {
    auto out = fmt::format("\n  [[machine.fault]]\n  kind = \"{}\"\n  onset = {}\n",
                           name_of(mode.kind), distribution_of(mode.onset));
    if (gives_warning(mode.kind))
      out += fmt::format("  progress = {}\n", distribution_of(mode.progress));
    out += fmt::format("  repair = {}\n", distribution_of(mode.repair));
    if (mode.clock == FaultMode::Clock::calendar) out += "  clock = \"calendar\"\n";
    if (mode.load_exponent != 0) out += fmt::format("  load_exponent = {:#}\n", mode.load_exponent);
    if (mode.doubling_k > 0) out += fmt::format("  doubling = \"{} K\"\n", mode.doubling_k);
    if (!mode.accelerates.empty()) {
      out += "  accelerates = {";
      for (std::size_t i = 0; i < mode.accelerates.size(); ++i)
        out += fmt::format("{} \"{}\" = {:#}", i == 0 ? "" : ",", name_of(mode.accelerates[i].kind),
                           mode.accelerates[i].factor);
      out += " }\n";
    }
    if (!mode.skill.empty()) out += fmt::format("  skill = {}\n", toml_string(mode.skill));
    if (mode.spare)
      out += fmt::format("  spare = {}\n", toml_string(line_->spares[*mode.spare].name));
    return out;
  }

  const Line* line_;
  std::vector<std::string> stations_;
};

}  // namespace

std::string line_text(const Line& line) {
  auto out = fmt::format(
      "format = \"foreline line 1\"\nname = {}\nproducts = {}\nsample_period = {}\nambient = \"{} "
      "degC\"\nambient_swing = \"{} K\"\n",
      toml_string(line.name), list_of(line.products), quoted_time(line.sample_period_s),
      line.ambient_degc, line.ambient_swing_k);
  if (line.crew_groups.empty()) out += fmt::format("crews = {}\n", line.crews);
  if (line.calendar)
    out += fmt::format("calendar = {}\n", toml_string(line.calendars[*line.calendar].name));
  for (const auto& calendar : line.calendars) out += calendar_text(calendar);
  for (const auto& crew : line.crew_groups) {
    out += fmt::format("\n[[crew]]\nname = {}\ncount = {}\n", toml_string(crew.name), crew.count);
    if (!crew.skills.empty()) out += fmt::format("skills = {}\n", list_of(crew.skills));
    if (crew.calendar)
      out += fmt::format("calendar = {}\n", toml_string(line.calendars[*crew.calendar].name));
  }
  for (const auto& pool : line.transporters)
    out += fmt::format("\n[[transporter]]\nname = {}\ncount = {}\n", toml_string(pool.name),
                       pool.count);
  for (const auto& spare : line.spares)
    out += fmt::format(
        "\n[[spare]]\nname = {}\nstock = {}\nreorder_at = {}\norder_size = {}\nlead = {}\n",
        toml_string(spare.name), spare.stock, spare.reorder_at, spare.order_size,
        distribution_of(spare.lead));
  if (line.objective) {
    out += "\n[objective]\n";
    for (const auto& field : objective_fields())
      if (const double price = (*line.objective).*field.price * field.units; price > 0)
        out += fmt::format("{} = \"{} {}/{}\"\n", field.name, price, line.objective->currency,
                           field.unit);
  }
  const Writer writer(line);
  for (std::uint32_t m = 0; m < line.machines.size(); ++m)
    if (!line.machines[m].unit_of) out += writer.machine(m);
  return out;
}

std::string orders_text(const std::vector<Order>& orders, const Line& line) {
  const bool precedence = std::any_of(orders.begin(), orders.end(),
                                      [](const Order& order) { return !order.after.empty(); });
  std::string out =
      fmt::format("id,product,quantity,release,due,weight{}\n", precedence ? ",after" : "");
  for (const auto& order : orders) {
    out += fmt::format("{},{},{},{},{},{}", csv_field(order.id),
                       csv_field(line.products[order.product.index]), order.quantity,
                       time_of(order.release_s),
                       std::isfinite(order.due_s) ? time_of(order.due_s) : "", order.weight);
    std::string after;
    for (const auto other : order.after)
      after += (after.empty() ? "" : "; ") + orders[other.index].id;
    if (precedence) out += ',' + csv_field(after);
    out += '\n';
  }
  return out;
}

}  // namespace foreline::text
