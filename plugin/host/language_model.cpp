// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/language_model.hpp"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "inference/gpt2/json_text.hpp"
#include "plugin/host/console.hpp"

namespace foreline::host {

using nlohmann::json;

namespace {

// A byte that JSON cannot carry travels through the parser as a character of the last private
// plane, U+10FF00 + byte; real characters of that range travel as their own four bytes.
constexpr std::uint32_t stand_in = 0x10FF00;

void append_stand_in(std::string& out, unsigned byte) {
  out += "\xF4\x8F";
  out += static_cast<char>(0xBCU | (byte >> 6U));
  out += static_cast<char>(0x80U | (byte & 0x3FU));
}

bool is_stand_in(std::string_view text, std::size_t at) {
  return at + 4 <= text.size() && text[at] == '\xF4' && text[at + 1] == '\x8F' &&
         static_cast<unsigned char>(text[at + 2]) >= 0xBC;
}

/// The value of four hexadecimal digits at `at`; none when they are no such digits.
std::optional<unsigned> hex_at(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(at, 4)) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 16;
    if (digit > 15) return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

/// The end of the well-formed character at `at`, or `at` when there is none.
std::size_t character_end(std::string_view text, std::size_t at) {
  for (std::size_t length = 1; length <= 4 && at + length <= text.size(); ++length) {
    bool changed = false;
    (void)gpt2::repaired(text.substr(at, length), &changed);
    if (!changed) return at + length;
  }
  return at;
}

/// The line with every byte in place that a strict parser would refuse or this program must keep.
std::string with_stand_ins(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == '\\' && at + 1 < line.size() && line[at + 1] == 'u') {
      const auto first = hex_at(line, at + 2);
      const bool pair = first && *first >= 0xD800 && *first < 0xDC00 &&
                        line.substr(at + 6, 2) == "\\u" && hex_at(line, at + 8);
      if (first && *first >= 0xDC80 && *first <= 0xDCFF) {
        append_stand_in(out, *first - 0xDC00);
        at += 6;
      } else if (pair) {
        const auto second = *hex_at(line, at + 8);
        const auto code = 0x10000U + ((*first - 0xD800U) << 10U) + ((second - 0xDC00U) & 0x3FFU);
        if (second >= 0xDC00 && second <= 0xDFFF && code >= stand_in) {
          for (const unsigned byte :
               {0xF4U, 0x8FU, 0x80U | ((code >> 6U) & 0x3FU), 0x80U | (code & 0x3FU)})
            append_stand_in(out, byte);
        } else {
          out.append(line.substr(at, 12));
        }
        at += 12;
      } else {
        out.append(line.substr(at, 6));
        at += std::min<std::size_t>(6, line.size() - at);
      }
    } else if (line[at] == '\\' && at + 1 < line.size()) {
      out.append(line.substr(at, 2));
      at += 2;
    } else if (static_cast<unsigned char>(line[at]) < 0x80) {
      out += line[at++];
    } else if (const auto end = character_end(line, at); end == at) {
      append_stand_in(out, static_cast<unsigned char>(line[at++]));
    } else if (is_stand_in(line, at)) {
      for (; at < end; ++at) append_stand_in(out, static_cast<unsigned char>(line[at]));
    } else {
      out.append(line.substr(at, end - at));
      at = end;
    }
  }
  return out;
}

}  // namespace

void add_model_options(CLI::App& command, ModelChoice& choice) {
  command.add_option("--model", choice.folder, "Folder of a GPT-2 in the Hugging Face layout")
      ->capture_default_str();
  command.add_option("--precision", choice.precision, "f32, bf16 or int8")->capture_default_str();
  command.add_option("--threads", choice.threads, "Threads to compute on")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
}

std::optional<gpt2::Precision> precision_of(std::string_view name) {
  for (const auto precision :
       {gpt2::Precision::f32, gpt2::Precision::bf16, gpt2::Precision::int8}) {
    if (name == gpt2::name_of(precision)) return precision;
  }
  return std::nullopt;
}

line::Result<gpt2::Model> open_model(const ModelChoice& choice, gpt2::Head head) {
  gpt2::ModelOptions options;
  options.threads = choice.threads;
  const auto precision = precision_of(choice.precision);
  if (!precision)
    return line::Error(
        fmt::format("--precision \"{}\" is none of f32, bf16, int8", choice.precision));
  options.precision = *precision;
  const auto checkpoint = gpt2::open_checkpoint(shipped(choice.folder), head);
  if (!checkpoint) return checkpoint.error();
  return gpt2::Model::create(*checkpoint, options);
}

line::Result<json> json_of_line(std::string_view line, int number) {
  auto record = gpt2::json_from(with_stand_ins(line), "standard input");
  if (record && record->is_object()) return record;
  const auto what = record ? "is no JSON object" : record.error().diagnostics.front().what;
  return line::Error({{"standard input", number, 0, what, {}}});
}

std::string text_of(const std::string& json_string) {
  std::string out;
  for (std::size_t at = 0; at < json_string.size();) {
    if (is_stand_in(json_string, at)) {
      out += static_cast<char>(((static_cast<unsigned>(json_string[at + 2]) & 3U) << 6U) |
                               (static_cast<unsigned>(json_string[at + 3]) & 0x3FU));
      at += 4;
    } else {
      out += json_string[at++];
    }
  }
  return out;
}

std::string json_literal(std::string_view bytes) {
  std::string out = "\"";
  for (std::size_t at = 0; at < bytes.size();) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    const auto end = byte < 0x80 ? at + 1 : character_end(bytes, at);
    if (end == at) {
      out += fmt::format("\\udc{:02x}", byte);
      ++at;
    } else {
      const auto literal = json(std::string(bytes.substr(at, end - at))).dump(-1, ' ', true);
      out += literal.substr(1, literal.size() - 2);
      at = end;
    }
  }
  return out + "\"";
}

line::Result<std::vector<std::uint32_t>> ids_of(const json& record, const char* key,
                                                std::size_t end, int number) {
  const auto found = record.find(key);
  if (found == record.end() || !found->is_array())
    return line::Error({{"standard input", number, 0, fmt::format("has no array \"{}\"", key),
                         fmt::format("wanted {{\"{}\": [1, 2, 3]}}", key)}});
  std::vector<std::uint32_t> ids;
  for (const auto& id : *found) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= end) {
      return line::Error({{"standard input",
                           number,
                           0,
                           fmt::format("the id {} is none of the vocabulary's 0 to {}",
                                       gpt2::repaired(id.dump().substr(0, 40)), end - 1),
                           {}}});
    }
    ids.push_back(id.get<std::uint32_t>());
  }
  return ids;
}

int for_each_batch(std::size_t batch_max,
                   const std::function<int(std::span<const std::string>, int)>& handle) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  int number = 1;
  std::vector<std::string> lines;
  for (std::string line; std::getline(std::cin, line);) {
    lines.push_back(std::move(line));
    // Whoever waits for the answer to its last line gets it.
    if (lines.size() < batch_max && std::cin.rdbuf()->in_avail() > 0) continue;
    if (const int status = handle(lines, number); status != pass) return status;
    number += static_cast<int>(lines.size());
    lines.clear();
    std::fflush(stdout);
  }
  if (!lines.empty()) return handle(lines, number);
  return pass;
}

NpyFile::NpyFile(const std::string& path, std::size_t columns, bool leading_one)
    : out_(path, std::ios::binary), columns_(columns), leading_one_(leading_one) {
  const auto text = header();
  out_.write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::string NpyFile::header() const {
  // NumPy format 1.0: the dictionary padded with blanks to a multiple of 64, here always 128 bytes.
  std::string text("\x93NUMPY\x01\x00", 8);
  std::string dictionary =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}, {}), }}",
                  leading_one_ ? "1, " : "", rows_, columns_);
  dictionary.resize(117, ' ');
  dictionary += '\n';
  text += static_cast<char>(dictionary.size());
  text += '\0';
  return text + dictionary;
}

void NpyFile::add(std::span<const float> rows) {
  out_.write(reinterpret_cast<const char*>(rows.data()),
             static_cast<std::streamsize>(rows.size() * sizeof(float)));
  rows_ += rows.size() / columns_;
}

bool NpyFile::close() {
  out_.seekp(0);
  const auto text = header();
  out_.write(text.data(), static_cast<std::streamsize>(text.size()));
  out_.close();
  return out_.good();
}

}  // namespace foreline::host
