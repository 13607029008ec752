// SPDX-License-Identifier: Apache-2.0
#include "sim/trace/columns.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace foreline::trace {

using namespace line;

namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they are");

template <class T>
constexpr const char* type_name = nullptr;
template <>
constexpr const char* type_name<double> = "<f8";
template <>
constexpr const char* type_name<float> = "<f4";
template <>
constexpr const char* type_name<std::uint8_t> = "|u1";
template <>
constexpr const char* type_name<std::uint32_t> = "<u4";

/// One array in NumPy's format, version 1.0 (numpy.lib.format).
template <class T>
std::string array_of(const std::vector<T>& values) {
  auto header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}",
                            type_name<T>, values.size());
  constexpr std::size_t before = 10;  // magic, version, length of the header
  header.append(63 - (before + header.size()) % 64, ' ');
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xFFU);
  out += static_cast<char>(header.size() >> 8U);
  out += header;
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return out;
}

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(value >> (8U * static_cast<unsigned>(i)));
}

std::string deflated(const std::string& bytes) {
  z_stream stream{};
  // Raw deflate: the archive's directory holds sizes and checksums.
  if (::deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib cannot be started");
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("zlib did not come to an end");
  return out;
}

/// A ZIP archive (PKWARE's APPNOTE, sections 4.3.7 to 4.3.16), without times of day.
class Archive {
 public:
  template <class T>
  void add(const std::string& name, const std::vector<T>& values) {
    const auto bytes = array_of(values);
    const auto packed = deflated(bytes);
    const auto file = name + ".npy";
    const auto checksum =
        ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    std::string common;
    put(common, 20, 2);         // version needed: deflate
    put(common, 1U << 11U, 2);  // names are UTF-8
    put(common, 8, 2);          // deflate
    put(common, 0, 2);
    put(common, 0x21, 2);  // 1980-01-01
    put(common, checksum, 4);
    put(common, packed.size(), 4);
    put(common, bytes.size(), 4);
    put(common, file.size(), 2);
    put(common, 0, 2);
    put(directory_, 0x02014b50, 4);
    put(directory_, 20, 2);
    directory_ += common;
    put(directory_, 0, 2 + 2 + 2 + 4);  // no comment, first disk, no attributes
    put(directory_, out_.size(), 4);
    directory_ += file;
    put(out_, 0x04034b50, 4);
    out_ += common + file + packed;
    ++count_;
    if (out_.size() + directory_.size() > 0xFFFF'0000ULL)
      throw std::length_error("a trace of more than 4 GiB");
  }
  std::string finish() {
    const auto at = out_.size();
    out_ += directory_;
    put(out_, 0x06054b50, 4);
    put(out_, 0, 4);
    put(out_, count_, 2);
    put(out_, count_, 2);
    put(out_, directory_.size(), 4);
    put(out_, at, 4);
    put(out_, 0, 2);
    return std::move(out_);
  }

 private:
  std::string out_;
  std::string directory_;
  std::uint64_t count_ = 0;
};

}  // namespace

std::string archive_of(const Line& line, const Trace& trace) {
  Archive archive;
  // T value_of(frame, truth), a frame.
  const auto column = [&](const std::string& name, auto value_of) {
    std::vector<decltype(value_of(std::size_t{}))> values;
    values.reserve(trace.frames.size());
    for (std::size_t i = 0; i < trace.frames.size(); ++i) values.push_back(value_of(i));
    archive.add(name, values);
  };
  column("time_s", [&](std::size_t i) { return trace.frames[i].at_s; });
  column("connected",
         [&](std::size_t i) { return static_cast<std::uint8_t>(trace.frames[i].connected); });
  std::size_t mode = 0;
  for (std::size_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    const auto shown = [&trace, m](std::size_t i) -> const MachineFrame& {
      return trace.frames[i].machines.at(m);
    };
    column(machine.name + "/state",
           [&](std::size_t i) { return static_cast<std::uint8_t>(shown(i).state); });
    column(machine.name + "/operating_s", [&](std::size_t i) { return shown(i).operating_s; });
    column(machine.name + "/renewals", [&](std::size_t i) { return shown(i).renewals; });
    for (std::size_t s = 0; s < machine.signals.size(); ++s) {
      const auto name = machine.name + "/" + machine.signals[s].name;
      column(name, [&](std::size_t i) { return shown(i).signals.at(s).value; });
      column(name + ".quality", [&](std::size_t i) {
        return static_cast<std::uint8_t>(shown(i).signals.at(s).quality);
      });
    }
    for (std::size_t f = 0; f < machine.faults.size(); ++f, ++mode) {
      const auto name = fmt::format("{}/{}", machine.name, name_of(machine.faults[f].kind));
      column(name + ".damage", [&](std::size_t i) { return trace.truth.at(i).damage.at(mode); });
      column(name + ".hazard_per_h",
             [&](std::size_t i) { return trace.truth.at(i).hazard.at(mode); });
    }
  }
  return archive.finish();
}

}  // namespace foreline::trace
